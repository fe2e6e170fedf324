"""Model versions, the one in force for each gate, and requests to retrain.

Packages and MLflow belong to `inference` and `monitor.gate_models`; the store's row says which version is in force.
"""
