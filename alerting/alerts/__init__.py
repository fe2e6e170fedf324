"""Alerts as data, their evaluation, and the Prometheus rules generated from them.

Whom an alert concerns, and when they are notified, is the room `notifications`.
"""
