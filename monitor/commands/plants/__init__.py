"""The commands about many plants at once, from tables of a lake.

Everything about a plant of one's own is not here: `monitor.commands`.
"""
