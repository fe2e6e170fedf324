"""The report of a period, for people without Grafana: values in, one HTML page out.

No value is read or computed here.
"""
