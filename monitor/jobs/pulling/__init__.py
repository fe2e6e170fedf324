"""Pulling a source: its job, and the rows in quarantine that it tries again.

What a row becomes is not here: `monitor.pipeline`.
"""
