"""The targets of deliveries: the MES table, Apprise, the notification log.

When and how often something is sent is decided in `monitor.delivery`.
"""
