"""The pages of what alerts are about: machines, steps, gates, sources; and the runbooks.

Nothing is judged here: a page shows what detectors and alerts have found.
"""
