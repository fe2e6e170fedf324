"""The alerts in force in a plant, their evaluation, and the Prometheus rules generated from them.

The alerts themselves are in the room `specs`; who is notified of one, and when, is in the room `notifications`.
"""
