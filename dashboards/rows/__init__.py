"""The rows of the overview, one module each: a title and its panels, left to right and top to bottom.

No query is written as text: see `dashboards.blocks.queries`.
"""
