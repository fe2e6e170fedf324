"""Limits, statistics and online anomaly scores as pure functions.

Nothing here knows where data comes from or goes to.
"""
