"""From a page of source rows to all that one commit writes: intake, parts, readings, events.

Nothing here opens a transaction, reads a clock or knows where a page came from.
"""
