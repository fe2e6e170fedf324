"""The source, partition or gate of each job; indexes for the newest episodes of alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Bring the store to this revision."""
    _job_scopes()
    _alert_indexes()


def _job_scopes() -> None:
    with op.batch_alter_table("job", schema=None) as batch_op:
        for name in ("source", "partition", "gate"):
            batch_op.add_column(sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''")))
    connection = op.get_bind()
    job = sa.table("job", *(sa.column(name) for name in ("name", "source", "partition", "gate")))
    for name in connection.execute(sa.select(job.c.name)).scalars().all():
        scope = _scope(name)
        if scope:
            connection.execute(job.update().where(job.c.name == name).values(scope))


def _scope(name: str) -> dict[str, str]:
    """The source, partition or gate of a job, from its name."""
    kind, _, rest = name.partition(":")
    if kind == "pull":
        source, _, partition = rest.partition(":")
        return {"source": source, "partition": partition or "all"}
    if kind in ("reconcile", "model"):
        return {"source" if kind == "reconcile" else "gate": rest}
    return {}


def _alert_indexes() -> None:
    op.drop_index("ix_alert_name_subject", "alert")
    op.create_index("ix_alert_episodes", "alert", ["name", "subject", "condition", "id"])
    op.create_index("ix_alert_ended_at", "alert", ["ended_at"])
