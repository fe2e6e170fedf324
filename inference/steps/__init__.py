"""Which steps of a line tell something about the end result: the held-out gain of each step's values, in line order.

Pure functions on arrays: no plant file, no store, no page.
"""
