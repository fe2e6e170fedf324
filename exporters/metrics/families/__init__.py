"""The metrics, one file per family: each metric's declaration, and beside it where its values come from.

No store and no exposition format: a family reads a snapshot and yields series.
"""
