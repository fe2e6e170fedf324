"""The condition of a machine by its sensors: what is learnt from a reference, and how rows are compared with it.

Pure functions of arrays, the same bits whatever way the rows are cut. Knows nothing of recipes, states or findings.
"""
