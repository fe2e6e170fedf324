"""The current state of monitoring: the board of findings, frozen references, alerts.

Detectors, windows and alert conditions are elsewhere; this package stores their results.
"""
