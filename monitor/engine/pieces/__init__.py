"""The functions that judge pieces of many plants' histories: which rows a piece needs, and what becomes of them.

Nothing here knows where rows come from, what applies the functions or where results go; no statistics and no rule.
"""
