"""The database under the store: engine, tables, migrations, leases, backup.

No query about the plant is written here.
"""
