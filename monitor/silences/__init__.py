"""Keeps silences of Alertmanager and shelves of Gatewatch in agreement: reads the ones, makes and ends the others.

What is to be done is decided in `alerting.alerts.silences`; rows are in `monitor/store`.
"""
