"""When a job runs: slots, leases and the runner that is responsible for time, retries and failure counts.

What a job does is not written here, nor which jobs there are.
"""
