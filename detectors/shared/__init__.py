"""What stream and window detectors have in common: packed states, calibration of limits.

No detector is written here.
"""
