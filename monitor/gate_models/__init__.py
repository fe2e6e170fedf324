"""The models of the gates: in force, training, challengers, rollback, and recomputation of decisions.

Architectures and training itself are in `inference`; parts are judged in `pipeline`.
"""
