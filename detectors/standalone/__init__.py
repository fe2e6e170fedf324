"""Detectors over anybody's file: a table read, every row judged in order, scores written, a picture drawn.

Knows no plant and no store, and has no detector of its own.
"""
