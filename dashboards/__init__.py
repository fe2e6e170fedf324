"""Dashboards as code: the Grafana dashboard, its provisioning files and the way to a running Grafana."""
