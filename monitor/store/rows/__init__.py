"""Rows from the sources and the decisions made on them: parts, readings, outcomes, decisions, quarantine.

Which rows are new is decided in `monitor.pipeline`.
"""
