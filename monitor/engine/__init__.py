"""Many plants' histories at once: the functions of `pieces`, applied locally, on Spark, or to a stream.

No SQL, no statistics and no rule; nothing here decides what the functions that it applies decide.
"""
