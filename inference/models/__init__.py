"""Model architectures, one a file.

Training, packaging and gate policy stand a room above.
"""
