"""Two files compared: reading their columns, and saying what was found in words, JSON and HTML.

Has no statistics of its own, and knows no plant and no store.
"""
