"""Reads tables over SQL: connections, queries, column types and time columns of databases.

Must not convert rows: that is the same for every transport and done in `sources.typed`.
"""
