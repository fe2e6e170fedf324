"""Attribution: which one cause several findings have in common. Pure: rows of parts and findings in, causes out.

What is measured of a window's parts (`scores`) is split by machine, lot, recipe or time (`splits`), and what the splits
of several findings share becomes a cause (`causes`). Nothing here reads a store, and nothing decides what is announced.
"""
