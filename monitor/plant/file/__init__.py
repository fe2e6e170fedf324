"""Reads and validates the plant file: YAML with line numbers, overrides, secrets; all problems in one go.

Must not act on the values: it only returns them or reports what is wrong with them.
"""
