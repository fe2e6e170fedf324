"""From raw rows to the typed rows of a page and its rejects: words, times, numbers, images, layouts; pure.

How rows are fetched is not known here.
"""
