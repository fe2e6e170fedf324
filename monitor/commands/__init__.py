"""The command line, one file for each command group.

A command reads its arguments, calls one room and prints: rules, SQL and wiring stand elsewhere.
"""
