"""The metric catalogue, Prometheus exposition, MES write-back and pages."""
