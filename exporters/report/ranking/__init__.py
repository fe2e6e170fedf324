"""The page of a ranking of steps: values in, one HTML page out.

No value is read or computed here.
"""
