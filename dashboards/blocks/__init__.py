"""What dashboards are built of: panels, queries checked against the catalogue, variables.

No dashboard is defined here.
"""
