"""What leaves the store for the MES and for people: which row goes out next, when, and what became of it.

What a message says is decided elsewhere, before it is stored.
"""
