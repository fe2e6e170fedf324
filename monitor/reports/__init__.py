"""Documents for people made from the store: the plant's report, drift reports, the passport of a part.

Pages are drawn in `exporters`; no number is computed here that the store does not hold.
"""
