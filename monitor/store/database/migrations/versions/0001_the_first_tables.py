"""The first tables."""

import sqlalchemy as sa
from alembic import op

from monitor.store.database import tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Bring the store to this revision."""
    _alert()
    _board()
    _cursor()
    _decision()
    _detector_state()
    _disposition()
    _finding()
    _job()
    _job_run()
    _lease()
    _machine_state()
    _machine_window()
    _model_in_force()
    _model_version()
    _outbox()
    _outcome()
    _part_step()
    _plant_file()
    _quarantine()
    _reading()
    _sequence()
    _tally()


def _alert() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("since", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", tables.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.create_index("ix_alert_name_subject", ["name", "subject"], unique=False)


def _board() -> None:
    op.create_table(
        "board",
        sa.Column("detector", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("feature", sa.Text(), nullable=False),
        sa.Column("at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("limit", sa.Double(), nullable=True),
        sa.Column("causes", tables.JsonText(), nullable=False),
        sa.PrimaryKeyConstraint("detector", "method", "subject", "feature", name=op.f("pk_board")),
    )


def _cursor() -> None:
    op.create_table(
        "cursor",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False),
        sa.Column("position", tables.UtcDateTime(timezone=True), nullable=True),
        sa.Column("updated_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("job", "source", "partition", name=op.f("pk_cursor")),
    )


def _decision() -> None:
    op.create_table(
        "decision",
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("visit", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("arrival", sa.BigInteger(), nullable=False),
        sa.Column("inputs", tables.JsonText(), nullable=False),
        sa.Column("characteristic", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("model_digest", sa.Text(), nullable=False),
        sa.Column("plant_digest", sa.Text(), nullable=False),
        sa.Column("predicted", sa.Double(), nullable=True),
        sa.Column("lower", sa.Double(), nullable=True),
        sa.Column("upper", sa.Double(), nullable=True),
        sa.Column("distance", sa.Double(), nullable=True),
        sa.Column("distance_limit", sa.Double(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("on_hold", sa.Text(), nullable=False),
        sa.Column("decided_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("serial", "step", "visit", "revision", name=op.f("pk_decision")),
    )
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.create_index("ix_decision_gate_at", ["gate", "at"], unique=False)


def _detector_state() -> None:
    op.create_table(
        "detector_state",
        sa.Column("detector", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("arrival", sa.BigInteger(), nullable=False),
        sa.Column("state", tables.JsonText(), nullable=False),
        sa.PrimaryKeyConstraint("detector", "subject", name=op.f("pk_detector_state")),
    )


def _disposition() -> None:
    op.create_table(
        "disposition",
        sa.Column("arrival", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("arrival", name=op.f("pk_disposition")),
        sa.UniqueConstraint("serial", "step", "at", "revision", name=op.f("uq_disposition_serial_step_at_revision")),
    )
    with op.batch_alter_table("disposition", schema=None) as batch_op:
        batch_op.create_index("ix_disposition_at", ["at"], unique=False)


def _finding() -> None:
    op.create_table(
        "finding",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("arrival", sa.BigInteger(), nullable=False),
        sa.Column("detector", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("feature", sa.Text(), nullable=False),
        sa.Column("at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("limit", sa.Double(), nullable=True),
        sa.Column("causes", tables.JsonText(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
    )
    with op.batch_alter_table("finding", schema=None) as batch_op:
        batch_op.create_index("ix_finding_subject_at", ["subject", "at"], unique=False)


def _job() -> None:
    op.create_table(
        "job",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last_slot", tables.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_started_at", tables.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_success_at", tables.UtcDateTime(timezone=True), nullable=True),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("duration_seconds", sa.Double(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("lag_seconds", sa.Double(), nullable=True),
        sa.Column("missed_slots", sa.BigInteger(), nullable=False),
        sa.Column("runs", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job")),
    )


def _job_run() -> None:
    op.create_table(
        "job_run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("slot", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("started_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("duration_seconds", sa.Double(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_run")),
        sa.UniqueConstraint("job", "slot", name=op.f("uq_job_run_job_slot")),
    )


def _lease() -> None:
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )


def _machine_state() -> None:
    op.create_table(
        "machine_state",
        sa.Column("arrival", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("arrival", name=op.f("pk_machine_state")),
        sa.UniqueConstraint("at", "machine", "revision", name=op.f("uq_machine_state_at_machine_revision")),
    )


def _machine_window() -> None:
    op.create_table(
        "machine_window",
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("sensor", sa.Text(), nullable=False),
        sa.Column("start", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("missing", sa.BigInteger(), nullable=False),
        sa.Column("minimum", sa.Double(), nullable=True),
        sa.Column("maximum", sa.Double(), nullable=True),
        sa.Column("total", sa.Double(), nullable=True),
        sa.Column("square_total", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("machine", "sensor", "start", name=op.f("pk_machine_window")),
    )


def _model_in_force() -> None:
    op.create_table(
        "model_in_force",
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("since", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("mirrored", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("gate", name=op.f("pk_model_in_force")),
    )


def _model_version() -> None:
    op.create_table(
        "model_version",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("trained_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ready_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("data_digest", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("metrics", tables.JsonText(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("model", "version", name=op.f("pk_model_version")),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("payload", tables.JsonText(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("next_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", tables.UtcDateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("channel", "key", name=op.f("uq_outbox_channel_key")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_status_next_at", ["status", "next_at"], unique=False)
        batch_op.create_index("ix_outbox_subject", ["subject"], unique=False)


def _outcome() -> None:
    op.create_table(
        "outcome",
        sa.Column("arrival", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("characteristic", sa.Text(), nullable=False),
        sa.Column("at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("available_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("arrival", name=op.f("pk_outcome")),
        sa.UniqueConstraint(
            "serial", "characteristic", "at", "revision", name=op.f("uq_outcome_serial_characteristic_at_revision")
        ),
    )
    with op.batch_alter_table("outcome", schema=None) as batch_op:
        batch_op.create_index("ix_outcome_at", ["at"], unique=False)
        batch_op.create_index("ix_outcome_available_at", ["available_at"], unique=False)


def _part_step() -> None:
    op.create_table(
        "part_step",
        sa.Column("arrival", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("visit", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("available_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("values", tables.JsonText(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("arrival", name=op.f("pk_part_step")),
        sa.UniqueConstraint(
            "serial", "step", "visit", "revision", name=op.f("uq_part_step_serial_step_visit_revision")
        ),
    )
    with op.batch_alter_table("part_step", schema=None) as batch_op:
        batch_op.create_index("ix_part_step_at", ["at"], unique=False)


def _plant_file() -> None:
    op.create_table(
        "plant_file",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("since", tables.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_plant_file")),
    )


def _quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", tables.UtcDateTime(timezone=True), nullable=True),
        sa.Column("row", tables.JsonText(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("first_seen_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint("source", "digest", name=op.f("uq_quarantine_source_digest")),
    )
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.create_index("ix_quarantine_source_at", ["source", "at"], unique=False)


def _reading() -> None:
    op.create_table(
        "reading",
        sa.Column("arrival", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("values", tables.JsonText(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("arrival", name=op.f("pk_reading")),
        sa.UniqueConstraint("at", "machine", "revision", name=op.f("uq_reading_at_machine_revision")),
    )
    with op.batch_alter_table("reading", schema=None) as batch_op:
        batch_op.create_index("ix_reading_machine_arrival", ["machine", "arrival"], unique=False)


def _sequence() -> None:
    op.create_table(
        "sequence",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sequence")),
    )


def _tally() -> None:
    op.create_table(
        "tally",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", tables.JsonText(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("name", "labels", name=op.f("pk_tally")),
    )
