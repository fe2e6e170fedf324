"""The metrics, one file per family: declarations and values.

No store and no exposition format: a family reads a snapshot and yields series.
"""
