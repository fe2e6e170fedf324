"""Reads the values of a report from the store."""
