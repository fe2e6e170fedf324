"""Alerts as data, their evaluation, and what follows from one.

Thresholds stand in the plant file, never in code.
"""
