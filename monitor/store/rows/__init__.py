"""What came from the sources and what was decided on it: parts, readings, outcomes, decisions, rows put aside.

Which rows are new is decided in `monitor.pipeline`; nothing here judges a value.
"""
