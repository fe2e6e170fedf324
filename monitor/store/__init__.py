"""The store: everything read from and written to it, in typed rows, a room for each kind of thing it keeps.

No source, job or detector is known here; a query of the store is written nowhere else.
"""
