"""Dashboards as code: what Grafana shows, its provisioning files and the way to a running Grafana.

No metric is named that the catalogue lacks.
"""
