"""The command line, one file for each command group.

A command parses its arguments, calls one room and prints; rules, SQL and wiring are elsewhere.
"""
