"""Events of single metrics: rows that go beyond everything seen before.

Knows no machine, no plant and no file: values in, scores out.
"""
