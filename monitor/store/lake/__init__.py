"""What of the store has not been sent to the lake yet, and the batches under way to it.

Must not contain Delta tables or Arrow, which `monitor.lake` does.
"""
