"""Sources made of files that never change: Delta tables, and folders into which CSV or Parquet files are dropped.

Knows the formats, and by which files rows came and when; must not know what rows mean: that is typed, as for SQL.
"""
