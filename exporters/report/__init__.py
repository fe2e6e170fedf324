"""The report of a stretch of time, for people without Grafana: values in, one HTML page out.

No value is read or computed here.
"""
