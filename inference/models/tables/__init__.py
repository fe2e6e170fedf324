"""The kinds that judge a table: `classifier` for pass or fail and kinds of defect, `ensemble` for a number.

The port of kinds, splits of data and what other kinds use too are in the parent package.
"""
