"""Notification channels, one per file; each module is a `NotificationChannel`.

A new file is a new channel. When and to whom something is sent is not decided here.
"""
