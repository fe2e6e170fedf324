"""The page on which people answer alerts: what fires, who attends to it, what is shelved, what was done.

Nothing is decided here: what a person may do is checked in `alerting/handling`.
"""
