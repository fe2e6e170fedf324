"""Limits, statistics and online anomaly scores: pure functions that know neither source nor destination of data."""
