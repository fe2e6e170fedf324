"""People of the simulated plant who act on the recommendations of a gate.

The recommendations are read from the table of the MES alone, as in a real plant; nothing of the monitoring code is
known here.
"""
