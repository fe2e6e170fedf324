"""What people do about alerts: who may do what, when an alert is not told, and the chained record of it all.

Pure functions; rows are in `monitor/store`, messages in `alerting/notifications`.
"""
