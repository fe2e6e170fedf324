"""Many plants' histories at once: the functions of the single process, applied piece by piece, locally or on Spark.

No SQL of its own, no statistics and no rule; nothing here decides what the functions that it applies decide.
"""
