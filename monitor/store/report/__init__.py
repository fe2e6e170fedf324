"""Reads the values of a report from the store.

Rendering is in `exporters.report`.
"""
