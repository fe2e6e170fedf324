"""The metric catalogue, and the samples of a scrape from a snapshot of the store.

No value is judged here.
"""
