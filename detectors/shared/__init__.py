"""Code that stream and window detectors share: saved state, calibration of limits.

Contains no detector.
"""
