"""Whether people can live with the alarms: the figures of ISA-18.2 and EEMUA 191, computed in one place.

Alerts are read in `monitor/store`, and shown by the report, the page of alarms and the metrics.
"""
