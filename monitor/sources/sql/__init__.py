"""Tables read over SQL: what is particular to databases, their types and their time columns.

How a row becomes a typed row is the same for every transport, and stands a room above.
"""
