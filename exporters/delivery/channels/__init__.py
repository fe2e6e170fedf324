"""The channels that notifications leave by, one file per channel; each is a module that is a `NotificationChannel`.

A new file is a new channel. When and to whom something is sent is not decided here.
"""
