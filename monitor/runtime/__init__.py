"""A plant put together and run: wiring, the service, a single pass, a replay and its recording.

The one room that knows all others; no rule of the product is written here.
"""
