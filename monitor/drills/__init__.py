"""Drills: a marked alert goes the whole way from a metric to people and back, and the broken link is named.

Nothing here touches parts, gates or the MES; alerts and messages are made by the jobs as always.
"""
