"""The pages of the HTTP server.

They are drawn from values; no query is made here.
"""
