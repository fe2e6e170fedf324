"""What waits to leave the store, for the MES and for people, and what became of it.

Sending stands in `monitor.delivery`; what a message says is decided before it comes here.
"""
