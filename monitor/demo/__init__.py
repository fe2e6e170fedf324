"""The demo: a simulated plant run through the product, and what came of it beside the truth.

Nothing here is used by a real plant.
"""
