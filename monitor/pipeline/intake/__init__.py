"""What is new in a page, by the keys and contents of its rows.

Pure: must not read the store or know what a row means.
"""
