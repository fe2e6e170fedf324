"""Grafana dashboards as code, their provisioning, and publishing them to a running Grafana."""
