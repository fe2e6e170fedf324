"""Limits, statistics and online anomaly scores, without input or output.

Must not read sources, write to the store or send anything.
"""
