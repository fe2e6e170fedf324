"""Model architectures, one per file.

Training, packaging and gate policy are in the parent package.
"""
