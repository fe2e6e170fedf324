"""From a page of source rows to everything that one commit writes: intake, parts, readings, events.

Nothing here opens a write transaction, reads a clock or depends on how a page was read.
"""
