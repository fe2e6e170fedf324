"""Notifications: what is sent to whom, when, and what it says.

Nothing is sent here; the decision is a pure function.
"""
