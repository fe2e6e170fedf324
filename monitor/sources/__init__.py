"""Reads a plant's data: raw rows in, typed pages and rejects out.

Must not import the store or the jobs.
"""
