"""Charts and gauge studies of anybody's file: reading a table, and saying what was found in words, JSON and pictures.

Has no statistics of its own, and knows no plant and no store.
"""
