"""The commands about anybody's files, outside any plant: one file a command; `monitor.cli` finds it by being there.

Neither a plant file nor a store is read here.
"""
