"""The plant of the demo: a line that makes compressor blades, with scripted faults and their ground truth.

It does not use the monitoring code.
"""
