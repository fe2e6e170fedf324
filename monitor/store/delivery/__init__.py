"""Outgoing messages to the MES and to people, and their delivery status.

Sending is in `monitor.delivery`; the content of a message is decided before it comes here.
"""
