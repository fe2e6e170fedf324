"""The store: everything read from and written to it, in typed rows.

No source, job or detector is known here; a query of the store is written nowhere else.
"""
