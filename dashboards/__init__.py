"""Dashboards as code: boards, provisioning files, and publishing to a running Grafana.

No metric is used that the catalogue lacks.
"""
