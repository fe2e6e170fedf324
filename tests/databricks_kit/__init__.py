"""A stub of a Databricks workspace on 127.0.0.1, for tests: models, runs, files and tables of Unity Catalog.

Written from the protocol definitions that MLflow ships: a request that they do not describe is refused. No test of this
project ever ran against a real workspace.
"""
