"""When jobs run: slots, leases and the runner, which is responsible for timing, retries and failure counts.

Must not contain jobs or the list of them.
"""
