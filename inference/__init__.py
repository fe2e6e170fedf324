"""Gate models and gate policy: architectures, packaging, registry, training, prediction to decision.

Nothing here knows of SQL, HTTP or metrics.
"""
