"""Two samples of anybody's columns compared: statistics with Evidently's values, chance by permutation, changed mixes.

Pure functions; knows no plant, no store and no file, and never loads Evidently.
"""
