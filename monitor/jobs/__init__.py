"""The scheduled jobs, one entry of the schedule a file: what each does at one of its slots.

A job joins rooms and commits; rules and SQL stand in the rooms it calls, and wiring in `runtime`.
"""
