"""Alembic's entry point: runs the migrations on the given connection."""

from alembic import context

from monitor.store.database.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, user_module_prefix="tables.")
with context.begin_transaction():
    context.run_migrations()
