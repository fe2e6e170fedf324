"""The alerts in force in a plant, their evaluation, and the Prometheus rules generated from them.

The alerts themselves are in `alerting.specs`, notifications in `alerting.notifications`.
"""
