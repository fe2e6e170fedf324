"""What is known of machines, data and models now: the board of findings, frozen references, alerts.

Detectors, windows and the conditions of alerts stand elsewhere; here is only what they left.
"""
