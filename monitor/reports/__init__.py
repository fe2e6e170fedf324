"""Documents made from the store: the plant's report, drift reports, the passport of a part.

Pages are rendered in `exporters`; every number here is in the store.
"""
