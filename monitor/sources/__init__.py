"""The reading side of a plant's data: rows of any shape in, typed pages and rejects out.

The store and the jobs are not known here.
"""
