"""The store: all reads and writes, as typed rows, with one sub-package per subject.

It knows no source, job or detector; queries of the store are written only here.
"""
