"""Decides which notifications are sent to which team and when, and writes their texts.

Must not send anything; all functions are pure.
"""
