"""The alerts as data: one file per family, and the roster of all of them.

No plant, no store and no evaluation: those are in the room `alerts`.
"""
