"""The kind `shape` and what it is made of: autoencoder, regression on principal components, and their fitting.

The port of kinds, splits of data and what other kinds use too are in the parent package.
"""
