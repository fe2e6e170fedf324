"""The scheduled jobs, one per file: what each does at one of its slots.

A job calls other rooms and commits; rules and SQL are in those rooms, and wiring is in `runtime`.
"""
