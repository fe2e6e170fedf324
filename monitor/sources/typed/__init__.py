"""Converts raw rows to the typed rows of a page and its rejects: text, times, numbers, images, layouts.

Pure functions; must not fetch rows.
"""
