"""MLflow and Databricks below the registry: addresses, opening, failures, versions, training data.

Nothing here knows packages, gates or the store.
"""
