"""The metric catalogue, and the metrics of a scrape made from the store's view.

Nothing here decides what a number means to anybody.
"""
