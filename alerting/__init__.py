"""Alerts as data, their evaluation, notifications, and retraining.

Numbers in code are defaults: a plant file overrides them.
"""
