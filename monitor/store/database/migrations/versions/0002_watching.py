"""Steps of findings, alert state, trends, notifications, references and retraining."""

import sqlalchemy as sa
from alembic import op

from monitor.store.database import tables

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Bring the store to this revision."""
    _finding_steps()
    _withheld_decisions()
    _trends()
    op.create_index(op.f("ix_part_step_step_arrival"), "part_step", ["step", "arrival"])
    _alert_state()
    _unreadable_jobs()
    _notifications()
    _references()
    _retraining()


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(
        name, sa.Text(), nullable=False, server_default=None if default is None else sa.text(f"'{default}'")
    )


def _time(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, tables.UtcDateTime(timezone=True), nullable=nullable)


def _finding_steps() -> None:
    for name in ("finding", "board"):
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.add_column(_text("step", ""))


def _withheld_decisions() -> None:
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.add_column(_text("withheld", ""))


def _trends() -> None:
    op.create_table(
        "trend",
        _text("detector"), _text("method"), _text("subject"), _text("feature"), _time("at"), _text("step"),
        _text("status"), sa.Column("value", sa.Double(), nullable=True), sa.Column("limit", sa.Double(), nullable=True),
        sa.Column("causes", tables.JsonText(), nullable=False),
        sa.PrimaryKeyConstraint("detector", "method", "subject", "feature", "at", name=op.f("pk_trend")),
    )  # fmt: skip
    op.create_index(op.f("ix_trend_at"), "trend", ["at"])


def _alert_state() -> None:
    with op.batch_alter_table("alert", schema=None) as batch_op:
        for name, default in (
            ("condition", "breach"), ("state", "firing"), ("team", ""), ("line", ""), ("origin", "embedded"),
            ("told", ""),
        ):  # fmt: skip
            batch_op.add_column(_text(name, default))
        batch_op.add_column(_time("fired_at", True))
        batch_op.add_column(_time("kept_since", True))
        batch_op.add_column(sa.Column("value", sa.Double(), nullable=True))
        batch_op.add_column(sa.Column("limit", sa.Double(), nullable=True))
        batch_op.add_column(_time("seen_at", True))
        batch_op.create_index("ix_alert_told", ["told"])
    op.execute("UPDATE alert SET fired_at = since")
    # Alerts that ended before this revision are not announced.
    op.execute("UPDATE alert SET state = 'resolved', told = 'resolved' WHERE ended_at IS NOT NULL")


def _unreadable_jobs() -> None:
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.add_column(_text("unreadable", ""))


def _notifications() -> None:
    op.create_table(
        "notification",
        _id(), _text("key"), _text("message"), _text("team"), _text("line"), _text("incident"),
        sa.Column("sequence", sa.Integer(), nullable=False), _text("kind"), _time("at"),
        sa.Column("alerts", tables.JsonText(), nullable=False), _text("title"), _text("body"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
        sa.UniqueConstraint("key", name=op.f("uq_notification_key")),
    )  # fmt: skip
    op.create_index("ix_notification_team_line", "notification", ["team", "line"])
    op.create_index("ix_notification_at", "notification", ["at"])


def _references() -> None:
    op.create_table(
        "reference",
        _text("detector"), _text("subject"), sa.Column("version", sa.Integer(), nullable=False), _time("frozen_at"),
        sa.Column("first_arrival", sa.BigInteger(), nullable=False),
        sa.Column("last_arrival", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False), _text("digest"), _text("cause"),
        sa.Column("content", tables.JsonText(), nullable=False),
        sa.PrimaryKeyConstraint("detector", "subject", "version", name=op.f("pk_reference")),
    )  # fmt: skip


def _retraining() -> None:
    op.create_table(
        "retraining",
        _id(), _text("gate"), _text("key"), _text("cause"), _time("requested_at"), _text("state"), _text("reason"),
        _time("decided_at", True), _time("started_at", True), _time("finished_at", True),
        sa.Column("arrival", sa.BigInteger(), nullable=False), sa.Column("changes", sa.Integer(), nullable=False),
        _text("data_digest", ""), _text("champion", ""), _text("challenger", ""), _time("ready_at", True),
        sa.Column("comparison", tables.JsonText(), nullable=True),
        sa.Column("mirrored", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retraining")),
        sa.UniqueConstraint("key", name=op.f("uq_retraining_key")),
    )  # fmt: skip
    op.create_index("ix_retraining_gate", "retraining", ["gate"])
