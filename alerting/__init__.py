"""Alerts as data, their evaluation, and what follows from one."""
