"""Delivery of outbox rows to the MES and to people: which row is sent next, when, and with what result.

The content of a message is decided elsewhere, before it is stored.
"""
