"""Stateless window detectors: `(reference, current) -> findings`.

Must not choose the windows: callers pass them in.
"""
