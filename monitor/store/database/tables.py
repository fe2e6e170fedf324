"""The store's tables. A change here needs a migration in `migrations/`; a test compares the two."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from monitor.model import RetrainingReason, RetrainingState
from monitor.statuses import AlertCondition, AlertStatus, Announced, OutboxStatus, VersionStatus


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time; a naive one is refused, because SQLite would silently drop the offset."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[datetime | None], object]:
        """To UTC; for SQLite as text without its offset, of which it stores none."""
        if dialect.name == "sqlite":
            return lambda value: None if value is None else _sqlite_text(value)
        return lambda value: None if value is None else _in_utc(value)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        """Back to an aware UTC time."""
        if dialect.name == "sqlite":
            return lambda value: None if value is None else datetime.fromisoformat(value + "+00:00")
        return lambda value: None if value is None else _in_utc(value)


_SQLITE_TEXT = len("2026-01-31 06:00:00.000000")


@lru_cache(maxsize=4096)  # rows of a page share most of their times
def _sqlite_text(value: datetime) -> str:
    return _in_utc(value).isoformat(" ", "microseconds")[:_SQLITE_TEXT]


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"naive time {value!r}: the store takes aware times only")
    return value if value.tzinfo is UTC else value.astimezone(UTC)


class JsonText(TypeDecorator[Any]):
    """JSON as text with sorted keys, so that equal values give equal text; NaN is refused."""

    impl = sa.Text
    cache_ok = True

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[Any], str | None]:
        """To text."""
        return _to_text

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[str | None], Any]:
        """Back to values."""
        return _from_text


class ValuesText(JsonText):
    """As `JsonText`, for columns whose text is never compared: written faster, with numbers as short as they can be."""

    cache_ok = True

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[Any], str | None]:
        """To text."""
        return _to_short_text


def _to_short_text(value: Any) -> str | None:
    try:
        text = _SHORT.encode(value).decode()
    except (TypeError, ValueError):  # a type of NumPy's, or half a surrogate pair
        return _to_text(value)
    # A missing value is written as null, but so is NaN, which is refused.
    return _to_text(value) if "null" in text else text


_SHORT = msgspec.json.Encoder(order="sorted")
_WRITTEN = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def _to_text(value: Any) -> str | None:
    return None if value is None else _WRITTEN.encode(value)


def _from_text(value: str | None) -> Any:
    if value == "[]":  # most findings have no causes, and a board of hundreds is read at every slot
        return []
    if value is None:
        return None
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:  # half a surrogate pair, which the standard library writes and reads
        return json.loads(value)


class EnumText(TypeDecorator[StrEnum]):
    """An enumeration member as text; any other value is refused with ValueError."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, enum: type[StrEnum]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """To text."""
        return None if value is None else self.enum(value).value

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> StrEnum | None:
        """Back to the member."""
        return None if value is None else self.enum(value)


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str, **kw: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, **kw)


def _default(value: str) -> sa.TextClause:
    """A default that the database fills in."""
    return sa.text(f"'{value}'")


def _enum(name: str, enum: type[StrEnum], **kw: Any) -> sa.Column[Any]:
    return sa.Column(name, EnumText(enum), nullable=False, **kw)


def _time(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, UtcDateTime, nullable=nullable)


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Double, nullable=True)


def _count(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=False, default=0)


def _arrival() -> sa.Column[int]:
    return sa.Column("arrival", sa.BigInteger, primary_key=True, autoincrement=False)


_serial_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

plant_file = sa.Table("plant_file", metadata, _text("digest", primary_key=True), _text("content"), _time("since"))

cursor = sa.Table(
    "cursor", metadata,
    _text("job", primary_key=True), _text("source", primary_key=True), _text("partition", primary_key=True),
    _time("position", nullable=True), _time("updated_at"),
)  # fmt: skip

lease = sa.Table(
    "lease", metadata,
    _text("name", primary_key=True), _text("holder"), _count("fence"), _number("expires_at"),
)  # fmt: skip

job = sa.Table(
    "job", metadata,
    _text("name", primary_key=True), _time("last_slot", True), _time("last_started_at", True),
    _time("last_success_at", True), _text("result"), _number("duration_seconds"), _count("rows"),
    _number("lag_seconds"), _count("missed_slots"), _count("runs"), _count("failures"), sa.Column("error", sa.Text),
    # Why the last run could not read its source; '' if it could.
    _text("unreadable", server_default=_default("")),
    # The source, partition or gate of the job; a job with a partition is a pull.
    _text("source", server_default=_default("")), _text("partition", server_default=_default("")),
    _text("gate", server_default=_default("")),
)  # fmt: skip

job_run = sa.Table(
    "job_run", metadata,
    sa.Column("id", _serial_id, primary_key=True), _text("job"), _time("slot"), _time("started_at"),
    _text("result"), _number("duration_seconds"), _count("rows"), sa.Column("error", sa.Text),
    sa.UniqueConstraint("job", "slot"),
)  # fmt: skip

sequence = sa.Table("sequence", metadata, _text("name", primary_key=True), _count("value"))

part_step = sa.Table(
    "part_step", metadata,
    _arrival(), _text("source"), _text("serial"), _text("step"), sa.Column("visit", sa.Integer, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False), _time("at"), _time("available_at"), _text("machine"),
    _text("recipe"), _text("lot"), sa.Column("values", ValuesText, nullable=False), _text("digest"),
    sa.UniqueConstraint("serial", "step", "visit", "revision"), sa.Index("ix_part_step_at", "at"),
    sa.Index("ix_part_step_step_arrival", "step", "arrival"), sa.Index("ix_part_step_step_at", "step", "at"),
)  # fmt: skip

# Of a part step, the pictures that a gate judges, by the value that holds them.
picture = sa.Table(
    "picture", metadata,
    _arrival(), _text("name", primary_key=True), sa.Column("png", sa.LargeBinary, nullable=False),
)  # fmt: skip

reading = sa.Table(
    "reading", metadata,
    _arrival(), _text("source"), _text("machine"), _time("at"), sa.Column("revision", sa.Integer, nullable=False),
    _text("recipe"), _text("state"),
    # Of a revision, the sensors that are new or changed: None where the source withdrew a value.
    sa.Column("values", ValuesText, nullable=False), _text("digest"),
    _time("available_at", nullable=True),  # NULL in rows of earlier versions
    sa.UniqueConstraint("at", "machine", "source", "revision"),
    sa.Index("ix_reading_machine_arrival", "machine", "arrival"),
)  # fmt: skip

# Up to which instant the detectors have judged a machine, and which rows they knew: those up to an arrival number.
judged = sa.Table(
    "judged", metadata,
    _text("machine", primary_key=True), sa.Column("until", UtcDateTime, primary_key=True), _time("after", True),
    _count("arrival"),
)  # fmt: skip

machine_state = sa.Table(
    "machine_state", metadata,
    _arrival(), _text("source"), _text("machine"), _time("at"), sa.Column("revision", sa.Integer, nullable=False),
    _text("state"), _text("digest"), _time("available_at", nullable=True),
    sa.UniqueConstraint("at", "machine", "source", "revision"),
    sa.Index("ix_machine_state_machine_at", "machine", "at"),
)  # fmt: skip

outcome = sa.Table(
    "outcome", metadata,
    _arrival(), _text("source"), _text("serial"), _text("characteristic"), _time("at"), _time("available_at"),
    sa.Column("revision", sa.Integer, nullable=False), _number("value"), _text("digest"),
    sa.UniqueConstraint("serial", "characteristic", "at", "revision"),
    sa.Index("ix_outcome_available_at", "available_at"), sa.Index("ix_outcome_at", "at"),
    sa.Index("ix_outcome_characteristic_available_at", "characteristic", "available_at"),
)  # fmt: skip

disposition = sa.Table(
    "disposition", metadata,
    _arrival(), _text("source"), _text("serial"), _text("step"), _time("at"),
    sa.Column("revision", sa.Integer, nullable=False), _text("disposition"), _text("digest"),
    _time("available_at", nullable=True), sa.UniqueConstraint("serial", "step", "at", "revision"),
    sa.Index("ix_disposition_at", "at"),
)  # fmt: skip

quarantine = sa.Table(
    "quarantine", metadata,
    sa.Column("id", _serial_id, primary_key=True), _text("source"), _text("reason"), _text("key"), _time("at", True),
    sa.Column("row", JsonText, nullable=False), _text("digest"), _time("first_seen_at"),
    # The column to blame with its value as people read it, and every cell as it was read; NULL if it is not kept.
    _text("column", server_default=_default("")), _text("value", server_default=_default("")),
    sa.Column("cells", JsonText),
    # When somebody asked for another try, and when and how the row left the quarantine.
    _time("asked_at", True), _time("resolved_at", True), _text("resolution", server_default=_default("")),
    sa.UniqueConstraint("source", "digest"), sa.Index("ix_quarantine_source_at", "source", "at"),
    sa.Index("ix_quarantine_asked_at", "asked_at"),
)  # fmt: skip

# Rows of a source by the hour in which they were read.
source_hour = sa.Table(
    "source_hour", metadata,
    _text("source", primary_key=True), sa.Column("hour", UtcDateTime, primary_key=True), _count("accepted"),
    _count("refused"), sa.Index("ix_source_hour_hour", "hour"),
)  # fmt: skip

# Machines and steps that rows named and the plant file has not.
unknown_name = sa.Table(
    "unknown_name", metadata,
    _text("source", primary_key=True), _text("kind", primary_key=True), _text("name", primary_key=True),
    _count("rows"), _time("newest_at"),
)  # fmt: skip

decision = sa.Table(
    "decision", metadata,
    _text("serial", primary_key=True), _text("step", primary_key=True),
    sa.Column("visit", sa.Integer, primary_key=True), sa.Column("revision", sa.Integer, primary_key=True),
    _text("gate"), sa.Column("arrival", sa.BigInteger, nullable=False), sa.Column("inputs", ValuesText, nullable=False),
    _text("characteristic"), _text("model"), _text("version"), _text("model_digest"), _text("plant_digest"),
    _number("predicted"), _number("lower"), _number("upper"), _number("distance"), _number("distance_limit"),
    _text("verdict"), _text("reason"), _text("on_hold"), _time("decided_at"), _time("at"),
    _text("withheld", server_default=sa.text("''")), sa.Column("forecast", JsonText, nullable=True),
    sa.Column("probabilities", JsonText, nullable=True), sa.Column("adapted", JsonText, nullable=True),
    sa.Column("costs", JsonText, nullable=True), sa.Column("signals", JsonText, nullable=True),
    sa.Column("adjustment", JsonText, nullable=True), sa.Column("coordinates", JsonText, nullable=True),
    sa.Index("ix_decision_gate_at", "gate", "at"), sa.Index("ix_decision_gate_arrival", "gate", "arrival"),
    sa.Index("ix_decision_verdict_gate_reason_at", "verdict", "gate", "reason", "at"),
)  # fmt: skip

finding = sa.Table(
    "finding", metadata,
    sa.Column("id", _serial_id, primary_key=True), sa.Column("arrival", sa.BigInteger, nullable=False),
    _text("detector"), _text("method"), _text("subject"), _text("feature"), _time("at"), _text("status"),
    _number("value"), _number("limit"), sa.Column("causes", JsonText, nullable=False),
    _text("step", server_default=_default("")), sa.Index("ix_finding_subject_at", "subject", "at"),
)  # fmt: skip

board = sa.Table(
    "board", metadata,
    _text("detector", primary_key=True), _text("method", primary_key=True), _text("subject", primary_key=True),
    _text("feature", primary_key=True), _time("at"), _text("status"), _number("value"), _number("limit"),
    sa.Column("causes", JsonText, nullable=False), _text("step", server_default=_default("")),
)  # fmt: skip

trend = sa.Table(
    "trend", metadata,
    _text("detector", primary_key=True), _text("method", primary_key=True), _text("subject", primary_key=True),
    _text("feature", primary_key=True), sa.Column("at", UtcDateTime, primary_key=True), _text("step"), _text("status"),
    _number("value"), _number("limit"), sa.Column("causes", JsonText, nullable=False), sa.Index("ix_trend_at", "at"),
)  # fmt: skip

detector_state = sa.Table(
    "detector_state", metadata,
    _text("detector", primary_key=True), _text("subject", primary_key=True),
    sa.Column("arrival", sa.BigInteger, nullable=False), sa.Column("state", JsonText, nullable=False),
    # The instant up to which the state has seen its machine, as `judged` counts it.
    _time("until", nullable=True),
)  # fmt: skip

# What the detectors had learnt of a machine (of one recipe on it, if given) up to an instant, and forgot then.
forgotten_baseline = sa.Table(
    "forgotten_baseline", metadata,
    sa.Column("id", _serial_id, primary_key=True), _text("machine"), sa.Column("recipe", sa.Text, nullable=True),
    _time("until"), _time("at"), _text("reason"), _text("person"),
    sa.Index("ix_forgotten_baseline_machine_until", "machine", "until"),
)  # fmt: skip

# The baseline that a machine without one took over from a sister after an instant, by detector.
borrowed_baseline = sa.Table(
    "borrowed_baseline", metadata,
    sa.Column("id", _serial_id, primary_key=True), _text("machine"), _text("sister"), _text("recipe"), _time("until"),
    _time("at"), sa.Column("content", JsonText, nullable=False),
    sa.Index("ix_borrowed_baseline_machine_until", "machine", "until"),
)  # fmt: skip

machine_window = sa.Table(
    "machine_window", metadata,
    _text("machine", primary_key=True), _text("sensor", primary_key=True),
    sa.Column("start", UtcDateTime, primary_key=True), _count("rows"), _count("missing"), _number("minimum"),
    _number("maximum"), _number("total"), _number("square_total"),
    sa.Index("ix_machine_window_start_machine", "start", "machine"),
)  # fmt: skip

outbox = sa.Table(
    "outbox", metadata,
    sa.Column("id", _serial_id, primary_key=True), _text("channel"), _text("key"), _text("subject"),
    sa.Column("payload", JsonText, nullable=False), _enum("status", OutboxStatus), _time("created_at"),
    _time("next_at"), sa.Column("attempts", sa.Integer, nullable=False, default=0), _time("sent_at", True),
    sa.Column("error", sa.Text),
    sa.UniqueConstraint("channel", "key"), sa.Index("ix_outbox_status_next_at", "status", "next_at"),
    sa.Index("ix_outbox_subject", "subject"),
)  # fmt: skip

tally = sa.Table(
    "tally", metadata,
    _text("name", primary_key=True), sa.Column("labels", JsonText, primary_key=True), _number("value"),
)  # fmt: skip

model_version = sa.Table(
    "model_version", metadata,
    _text("model", primary_key=True), _text("version", primary_key=True), _text("gate"), _text("digest"),
    _time("trained_at"), _time("ready_at"), _text("data_digest"), _count("rows"),
    sa.Column("metrics", JsonText, nullable=False), _enum("status", VersionStatus),
)  # fmt: skip

model_in_force = sa.Table(
    "model_in_force", metadata,
    _text("gate", primary_key=True), _text("model"), _text("version"), _text("digest"), _time("since"),
    sa.Column("changes", sa.Integer, nullable=False), sa.Column("mirrored", sa.Integer, nullable=False, default=0),
)  # fmt: skip

alert = sa.Table(
    "alert", metadata,
    sa.Column("id", _serial_id, primary_key=True), _text("name"), _text("subject"), _text("severity"),
    _text("summary"), _time("since"), _time("ended_at", True),
    # The state of the evaluation: breach or absent, pending or firing, and since when.
    _enum("condition", AlertCondition, server_default=_default("breach")),
    _enum("state", AlertStatus, server_default=_default("firing")),
    _text("team", server_default=_default("")), _text("line", server_default=_default("")),
    _text("origin", server_default=_default("embedded")),
    _time("fired_at", True), _time("kept_since", True), _number("value"), _number("limit"),
    # When Alertmanager last sent it.
    _time("seen_at", True),
    # What was announced of it: nothing yet, that it fired, or that it ended.
    _enum("told", Announced, server_default=_default("")),
    # Where it is, and what its summary adds to its text, in no language.
    _text("step", server_default=_default("")), sa.Column("details", JsonText, nullable=True),
    # Who said to have seen it, '' while nobody did.
    _time("acknowledged_at", True), _text("acknowledged_by", server_default=_default("")),
    # What another team was told because nobody acknowledged it.
    _enum("escalated", Announced, server_default=_default("")),
    sa.Index("ix_alert_episodes", "name", "subject", "condition", "id"), sa.Index("ix_alert_told", "told"),
    sa.Index("ix_alert_escalated", "escalated"),
    sa.Index("ix_alert_ended_at", "ended_at"),
)  # fmt: skip

# What evaluations of the alerts read: what changed since the row before, or all of it where `states` is known: the open
# alerts before that evaluation. `evaluated` are the evaluations since the last such row, as microseconds between them.
alert_reading = sa.Table(
    "alert_reading", metadata,
    sa.Column("id", _serial_id, primary_key=True), _time("at"), sa.Column("readings", JsonText, nullable=False),
    sa.Column("states", JsonText, nullable=True), sa.Column("evaluated", JsonText, nullable=True),
    sa.Index("ix_alert_reading_at", "at"),
)  # fmt: skip

# Alerts that people do not want to be told of until then.
shelf = sa.Table(
    "shelf", metadata,
    _text("name", primary_key=True), _text("subject", primary_key=True), _time("at"), _time("until"), _text("actor"),
    _text("reason"),
)  # fmt: skip

# Alerts that Alertmanager does not send until then, because people silenced them there, or for a shelf of `ours`.
silence = sa.Table(
    "silence", metadata,
    _text("name", primary_key=True), _text("condition", primary_key=True), _text("subject", primary_key=True),
    _time("at"), _time("until"), _text("actor"), _text("reason"), sa.Column("ours", sa.Boolean, nullable=False),
)  # fmt: skip

# What people did about alerts, an entry for each action, chained by digests; only ever appended to.
audit = sa.Table(
    "audit", metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False), _time("at"), _text("actor"), _text("role"),
    _text("via"), _text("action"), _text("about"), _text("details"), sa.Column("request", sa.Text, nullable=True),
    _text("previous"), _text("digest"), sa.UniqueConstraint("request"),
)  # fmt: skip

# A marked alert that tries out the way from a metric to people: how far it came, and the link that did not hold.
drill = sa.Table(
    "drill", metadata,
    sa.Column("id", _serial_id, primary_key=True), _text("team"), sa.Column("scheduled", sa.Boolean, nullable=False),
    _time("started_at"), _time("cleared_at", True), _time("finished_at", True),
    _text("broken", server_default=_default("")), _text("sentence", server_default=_default("")),
    _time("told_at", True), sa.Index("ix_drill_started_at", "started_at"),
)  # fmt: skip

notification = sa.Table(
    "notification", metadata,
    sa.Column("id", _serial_id, primary_key=True), _text("key"), _text("message"), _text("team"), _text("line"),
    _text("incident"), sa.Column("sequence", sa.Integer, nullable=False), _text("kind"), _time("at"),
    sa.Column("alerts", JsonText, nullable=False), _text("title"), _text("body"), sa.UniqueConstraint("key"),
    sa.Index("ix_notification_team_line", "team", "line"), sa.Index("ix_notification_at", "at"),
)  # fmt: skip

reference = sa.Table(
    "reference", metadata,
    _text("detector", primary_key=True), _text("subject", primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True), _time("frozen_at"),
    sa.Column("first_arrival", sa.BigInteger, nullable=False), sa.Column("last_arrival", sa.BigInteger, nullable=False),
    _count("rows"), _text("digest"), _text("cause"), sa.Column("content", JsonText, nullable=False),
)  # fmt: skip

retraining = sa.Table(
    "retraining", metadata,
    sa.Column("id", _serial_id, primary_key=True), _text("gate"), _text("key"), _text("cause"), _time("requested_at"),
    _enum("state", RetrainingState), _enum("reason", RetrainingReason), _time("decided_at", True),
    _time("started_at", True), _time("finished_at", True),
    # Frozen at the start: rows up to an arrival number, and the model in force by its number of changes.
    _count("arrival"), sa.Column("changes", sa.Integer, nullable=False, default=0),
    _text("data_digest", server_default=_default("")), _text("champion", server_default=_default("")),
    _text("challenger", server_default=_default("")), _time("ready_at", True), sa.Column("comparison", JsonText),
    sa.Column("mirrored", sa.Integer, nullable=False, default=0), sa.UniqueConstraint("key"),
    sa.Index("ix_retraining_gate", "gate"),
)  # fmt: skip

# The likely cause of several findings, until all are over; its newest parts, by which later findings follow from it.
cause = sa.Table(
    "cause", metadata,
    sa.Column("id", _serial_id, primary_key=True), _text("kind"), _text("subject"), _text("step"),
    sa.Column("names", JsonText, nullable=False), _time("since"), _time("found_at"), _time("ended_at", True),
    sa.Column("findings", JsonText, nullable=False), sa.Column("parts", JsonText, nullable=False),
    sa.Column("gates", JsonText, nullable=False), sa.Column("shift", sa.Double, nullable=False),
    sa.Column("certainty", sa.Double, nullable=False), _text("instead"), sa.Index("ix_cause_ended_at", "ended_at"),
)  # fmt: skip

# The newest ranking of the steps by what they tell of a characteristic; only steps that could be ranked.
step_rank = sa.Table(
    "step_rank", metadata,
    _text("characteristic", primary_key=True), _text("step", primary_key=True), _time("ranked_at"), _number("gain"),
    _number("low"), _number("high"), sa.Column("deserves_gate", sa.Boolean, nullable=False),
)  # fmt: skip

# What a gate saved in a month, and what stopping the failed parts of a line at each step would have saved: kept when
# retention has deleted the decisions.
saving = sa.Table(
    "saving", metadata,
    _text("kind", primary_key=True), _text("name", primary_key=True),
    sa.Column("month", UtcDateTime, primary_key=True), _time("at"), _count("parts"),
    sa.Column("content", JsonText, nullable=False),
)  # fmt: skip

# Of the handover and of each report by schedule, the newest one: when it was due, and what the next is compared with.
bulletin = sa.Table(
    "bulletin", metadata,
    _text("kind", primary_key=True), _time("due"), _time("at"), sa.Column("content", JsonText, nullable=False),
)  # fmt: skip

# How far a table of the lake at a URL has been sent: by `number` of batches under the name of an `application`, and in
# `marks` up to which rows of the store. Of the attempts since the last success, how many failed, how, and the next one.
lake_table = sa.Table(
    "lake_table", metadata,
    _text("url", primary_key=True), _text("name", primary_key=True), _text("application"),
    sa.Column("marks", JsonText, nullable=False), _count("number"), _count("rows"), _count("attempts"),
    _time("next_at", True), _time("kept_at", True), sa.Column("error", sa.Text),
)  # fmt: skip

# The batch that is under way to a table of the lake: its rows as they are written, and the marks once they are.
lake_batch = sa.Table(
    "lake_batch", metadata,
    _text("url", primary_key=True), _text("name", primary_key=True), _count("number"), _count("rows"),
    _time("fixed_at"), sa.Column("marks", JsonText, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)  # fmt: skip

# Machine windows that the lake lacks as they are now, and how often they changed since it had them.
lake_window = sa.Table(
    "lake_window", metadata,
    _text("machine", primary_key=True), sa.Column("start", UtcDateTime, primary_key=True), _count("changes"),
)  # fmt: skip
