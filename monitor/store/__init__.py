"""The store: tables, migrations, transactions, leases."""
