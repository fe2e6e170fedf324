"""The dashboards, one per module: its `BOARD`, and the module's name is that of its file in `generated/`.

A new module is a new dashboard. No shared panels or queries: see `dashboards.blocks`.
"""
