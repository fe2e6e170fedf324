"""The alerts as data: one file per family, and the roster of all of them.

No plant, store or evaluation: see `alerting.alerts`.
"""
