"""The reading side of a plant's databases: tables of any shape in, typed pages and rejects out.

The store and the jobs are not known here.
"""

from monitor.sources.sql import SqlSource, open_source

__all__ = ["SqlSource", "open_source"]
