"""Limits, statistics and online anomaly scores. Pure functions that know neither where data came from nor where it goes."""
