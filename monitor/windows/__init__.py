"""Windows of stored rows that detectors compare: parts, outcomes, and the references that were frozen.

Judging a window is the detectors' work; nothing here decides or alerts.
"""
