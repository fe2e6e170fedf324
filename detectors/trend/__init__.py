"""Trends of a machine's levels and the time left until a limit is reached.

Pure functions of arrays, the same bits whatever way the rows are cut. Knows nothing of recipes, states or findings.
"""
