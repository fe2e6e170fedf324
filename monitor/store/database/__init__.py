"""The database under the store: engine, tables, migrations, leases, backup.

It holds no queries about the plant.
"""
