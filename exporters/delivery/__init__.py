"""The far ends of deliveries: the MES's table, Apprise, the notification log.

When and how often something is sent is decided in `monitor.delivery`.
"""
