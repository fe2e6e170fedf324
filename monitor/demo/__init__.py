"""The demo: a simulated plant run through the product, and the results compared with the ground truth.

Nothing here is used by a real plant.
"""
