"""Model versions, the one in force for each gate, and requests to retrain.

Packages and MLflow are `inference` and `monitor.gate_models`; the store's row says what is in force.
"""
