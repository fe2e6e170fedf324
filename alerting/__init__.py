"""Conditions a person must know of, and what to do about each."""
