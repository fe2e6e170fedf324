"""Reads the values of a report from the store.

How they are drawn is not known here.
"""
