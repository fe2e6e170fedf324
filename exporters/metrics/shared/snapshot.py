"""The input of metrics and pages: a snapshot of the store at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from alerting.quality.figures import AlarmQuality
from monitor.model import MachineState
from monitor.statuses import AlertCondition, AlertStatus

OTHER_NAMES = "others"
"""The subject that stands for the unknown machines and steps without a series of their own."""


class JobRow(NamedTuple):
    """The state of a job; counts are since the store was created.

    `result` is that of the last run, `unreadable` why that run could not read the source, '' if it could. `source`
    is the one that the job is about, `partition` the one that it pulls, '' if none.
    """

    name: str
    runs: int
    failures: int
    missed_slots: int
    rows: int
    last_slot: datetime | None
    last_success_at: datetime | None
    duration_seconds: float | None
    lag_seconds: float | None
    error: str | None
    result: str = "success"
    unreadable: str = ""
    source: str = ""
    partition: str = ""


class CursorRow(NamedTuple):
    """How far a job has read a partition of a source; None before the first row."""

    job: str
    source: str
    partition: str
    position: datetime | None


class IntakeRow(NamedTuple):
    """New rows of a source in its newest hours: accepted ones and refused ones."""

    source: str
    accepted: int
    refused: int


class UnknownNameRow(NamedTuple):
    """A machine or step (`kind`) that rows of a source named lately and the plant file had not; '' for further ones."""

    source: str
    kind: str
    name: str
    rows: int

    @property
    def subject(self) -> str:
        """As metrics and alerts call it."""
        return f"{self.source}/{self.name}" if self.name else OTHER_NAMES


class GateRow(NamedTuple):
    """A gate: the model in force ('' if none) and its newest decisions.

    `recent` counts them, `holds` those that hold, `scraps` those that found a scrap, recommended or not;
    `interval_width` is the mean width of their prediction intervals, in the unit of the characteristic, None without
    predictions. `refused` is why the newest decisions since the model came into force were made without it, '' if they
    were made with it.
    """

    gate: str
    model: str
    version: str
    digest: str
    since: datetime | None
    changes: int
    recent: int
    holds: int
    interval_width: float | None
    last_decision_at: datetime | None
    scraps: int = 0
    refused: str = ""


class HoldRow(NamedTuple):
    """A hold that waits for a decision by people: where, and when the gate held the part."""

    step: str
    decided_at: datetime


class WrongRow(NamedTuple):
    """Wrong recommendations of a month: known ones, how many there are (None: nothing says), and 90 % bounds."""

    known: int
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None


class SavingRow(NamedTuple):
    """What a gate saved in a month that started at `month`, as last summed up, with 90 % bounds, and parts by fate."""

    gate: str
    month: datetime
    avoided: float
    lower: float
    upper: float
    stopped: int
    waiting: int
    worked: int
    failed: int
    false_scraps: WrongRow
    escapes: WrongRow


class OutboxRow(NamedTuple):
    """Pending and dead messages of a channel; `oldest_pending_at` is None if none is pending."""

    channel: str
    pending: int
    dead: int
    oldest_pending_at: datetime | None


class BoardRow(NamedTuple):
    """The latest finding of a detector for one subject and feature ('' where it judges the whole subject)."""

    detector: str
    method: str
    subject: str
    feature: str
    at: datetime
    status: str
    value: float | None
    limit: float | None
    causes: tuple[str, ...] = ()
    step: str = ""


class AlertRow(NamedTuple):
    """The newest episode of an alert; not over if `ended_at` is None. `value` is that which it fired with, or a newer
    one; `cause` its likely cause in a few words; `text` what it says without numbers that change.
    """

    name: str
    subject: str
    severity: str
    summary: str
    since: datetime
    ended_at: datetime | None
    state: AlertStatus = AlertStatus.FIRING
    condition: AlertCondition = AlertCondition.BREACH
    team: str = ""
    line: str = ""
    value: float | None = None
    cause: str = ""
    text: str = ""

    @property
    def active(self) -> bool:
        """Whether it fires now."""
        return self.state is AlertStatus.FIRING and self.ended_at is None


class StandingRow(NamedTuple):
    """What a machine reported last, and since when it runs or ran last (None: it never reported that it runs)."""

    state: MachineState
    ran_at: datetime | None


class StepRankRow(NamedTuple):
    """What a step told of a characteristic in the newest ranking: gain, bounds, and whether it deserves a gate."""

    characteristic: str
    step: str
    ranked_at: datetime
    gain: float
    low: float
    high: float
    deserves_gate: bool


class TallyRow(NamedTuple):
    """A value in the store under a metric's name and labels."""

    name: str
    labels: Mapping[str, str]
    value: float | None


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """The store as seen at `at` (aware UTC). `store_since` is when the first plant file was recorded.

    `savings` are those of the newest month. `standing` is the state of each machine that ever reported one,
    `newest_parts` the time of the last part by step, `newest_outcomes` when the last outcome became available, by
    characteristic, `drilled` the teams for which a drill runs, `quality` the figures of the alarms of the newest days,
    None where they were not asked for.
    `store_writable` is false while it can only be read, `store_readable` is if not even that: then all else is unknown.
    """

    at: datetime
    jobs: tuple[JobRow, ...] = ()
    cursors: tuple[CursorRow, ...] = ()
    gates: tuple[GateRow, ...] = ()
    holds: tuple[HoldRow, ...] = ()
    savings: tuple[SavingRow, ...] = ()
    outbox: tuple[OutboxRow, ...] = ()
    board: tuple[BoardRow, ...] = ()
    alerts: tuple[AlertRow, ...] = ()
    tallies: tuple[TallyRow, ...] = ()
    intakes: tuple[IntakeRow, ...] = ()
    unknown_names: tuple[UnknownNameRow, ...] = ()
    standing: Mapping[str, StandingRow] = field(default_factory=dict)
    newest_parts: Mapping[str, datetime] = field(default_factory=dict)
    newest_outcomes: Mapping[str, datetime] = field(default_factory=dict)
    step_ranks: tuple[StepRankRow, ...] = ()
    drilled: frozenset[str] = frozenset()
    quality: AlarmQuality | None = None
    plant_digest: str = ""
    store_since: datetime | None = None
    store_bytes: int | None = None
    store_writable: bool = True
    store_readable: bool = True
