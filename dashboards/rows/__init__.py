"""The rows of the dashboards, a module for each subject: panels, left to right and top to bottom.

No query is written as text: see `dashboards.blocks.queries`.
"""
