"""Connecting a plant: what is understood of its sources, and the plant file to begin with.

Pure: what a source or a database holds is given as values; nothing is read or written here. Reading is in
`monitor.sources`, printing in `monitor.commands`.
"""
