"""The results of one batch, and the transaction that stores them all or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

import sqlalchemy as sa

from monitor.failpoints import reach
from monitor.model import Finding, Reject
from monitor.ports import State
from monitor.store import cursors
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert, insert_new, upsert
from monitor.store.database.database import Store
from monitor.store.database.leases import Lease, renew
from monitor.store.database.statements import TallyKey, add_counts, set_gauges, take_arrivals, tally_key
from monitor.store.lake.windows import note_windows
from monitor.store.rows.decisions import StoredDecision
from monitor.store.rows.forgotten import BorrowedBaseline, ForgottenBaseline
from monitor.store.rows.intake_counts import count_intake
from monitor.store.rows.kinds import KINDS
from monitor.store.rows.pictures import StoredPicture
from monitor.store.rows.readings import JudgedSpan, MachineWindow
from monitor.store.rows.refusals import QuarantineChanges, settle, write_rejects
from monitor.store.watching.board import roll_up
from monitor.store.watching.causes import StoredCause, save_causes


def provisional_arrival(index: int) -> int:
    """A placeholder for the arrival number of row `index` of a batch, until the commit assigns one."""
    return -1 - index


def resolved_arrival(arrival: int, first: int) -> int:
    """The arrival number; a provisional one is replaced by that of the batch's row, the batch starting at `first`."""
    return arrival if arrival >= 0 else first + (-1 - arrival)


@dataclass(frozen=True, slots=True)
class SavedState:
    """A detector's state when it has seen its machine up to an instant, with rows up to an arrival number."""

    detector: str
    subject: str
    arrival: int
    until: datetime
    state: State


@dataclass(slots=True)
class BatchWrite:
    """Everything one batch writes. `rows` belong to the source kind `kind` and get arrival numbers in their order;
    `pictures` are those of these rows, under their provisional arrival numbers.

    `findings` are changes of status, `board` the current findings; `trends` are stored at each evaluation, one row per
    finding and time, so that reports can draw them later: see `monitor.store.watching.board.trend_findings`.
    `arrivals` are those of the rows that findings count, where these are stored already; without it, the batch's own.
    `marks`: numbers by name, such as up to where a job has come. `noted_windows` are those of `windows`, by machine and
    start, that the lake lacks from now on; none without a lake.
    """

    job: str
    source: str
    partition: str
    now: datetime
    kind: str = ""
    position: datetime | None = None
    rows: list[dict[str, object]] = field(default_factory=list)
    pictures: list[StoredPicture] = field(default_factory=list)
    rejects: Sequence[Reject] = ()
    quarantine: QuarantineChanges = field(default_factory=QuarantineChanges)
    decisions: list[StoredDecision] = field(default_factory=list)
    outbox: list[dict[str, object]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    board: list[Finding] = field(default_factory=list)
    trends: list[Finding] = field(default_factory=list)
    windows: list[MachineWindow] = field(default_factory=list)
    spans: list[JudgedSpan] = field(default_factory=list)
    arrivals: list[int] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)
    states: list[SavedState] = field(default_factory=list)
    forgotten: list[ForgottenBaseline] = field(default_factory=list)
    borrowed: list[BorrowedBaseline] = field(default_factory=list)
    tallies: Counter[TallyKey] = field(default_factory=Counter)
    gauges: dict[TallyKey, float] = field(default_factory=dict)
    causes: list[StoredCause] = field(default_factory=list)
    noted_windows: set[tuple[str, datetime]] = field(default_factory=set)

    def is_empty(self) -> bool:
        """Whether it holds only counts."""
        contents = (self.rows, self.rejects, self.quarantine, self.decisions, self.windows, self.spans, self.states)
        return not any(contents) and self.position is None


def commit(store: Store, lease: Lease, batch: BatchWrite) -> int:
    """Write the batch in one transaction under the lease; returns the first arrival number. A FencedError undoes it."""
    reach("before_commit")
    with store.write() as connection:
        renew(store, connection, lease)
        first = take_arrivals(connection, len(batch.rows))
        if batch.rows:
            arrivals = range(first, first + len(batch.rows))
            insert(connection, KINDS[batch.kind], batch.rows, {"arrival": arrivals})
        _write_pictures(connection, batch, first)
        _write_decisions(connection, batch, first)
        _write_findings(connection, batch, first)
        upsert(connection, t.machine_window, [window._asdict() for window in batch.windows])
        note_windows(connection, batch.noted_windows)
        upsert(connection, t.sequence, [{"name": name, "value": value} for name, value in batch.marks.items()])
        upsert(connection, t.judged, [span._asdict() for span in batch.spans])
        upsert(connection, t.detector_state, [asdict(state) for state in batch.states])
        insert(connection, t.forgotten_baseline, [baseline._asdict() for baseline in batch.forgotten])
        insert(connection, t.borrowed_baseline, [baseline._asdict() for baseline in batch.borrowed])
        save_causes(connection, batch.causes)
        refused = write_rejects(connection, batch.source, batch.rejects, batch.now, batch.quarantine.answered)
        count_intake(connection, batch.source, _accepted(batch), refused, batch.now)
        settle(connection, batch.source, batch.quarantine, batch.now)
        cursors.advance(connection, batch.job, batch.source, batch.partition, batch.position, batch.now)
        add_counts(connection, batch.tallies)
        set_gauges(connection, batch.gauges)
    reach("after_commit")
    return first


def _accepted(batch: BatchWrite) -> int:
    """The batch's new rows and corrections, as its tallies have them."""
    source = batch.source
    keys = (tally_key("gatewatch_source_rows_total", source=source, outcome=o) for o in ("accepted", "corrected"))
    return int(sum(batch.tallies[key] for key in keys))


def _write_pictures(connection: sa.Connection, batch: BatchWrite, first: int) -> None:
    rows = [p._replace(arrival=resolved_arrival(p.arrival, first))._asdict() for p in batch.pictures]
    insert(connection, t.picture, rows)


def _write_decisions(connection: sa.Connection, batch: BatchWrite, first: int) -> None:
    insert(connection, t.decision, [_with_arrivals(d, first)._asdict() for d in batch.decisions])
    insert_new(connection, t.outbox, batch.outbox)


def _with_arrivals(decision: StoredDecision, first: int) -> StoredDecision:
    inputs = {step: resolved_arrival(arrival, first) for step, arrival in decision.inputs.items()}
    signals = decision.signals
    if signals is not None and "page" in signals:
        signals = {**signals, "page": resolved_arrival(signals["page"], first)}
    return decision._replace(arrival=resolved_arrival(decision.arrival, first), inputs=inputs, signals=signals)


def _write_findings(connection: sa.Connection, batch: BatchWrite, first: int) -> None:
    rows = [{**_columns(f), "arrival": _arrival(f, batch.arrivals, first)} for f in batch.findings]
    insert(connection, t.finding, rows)
    for f in batch.findings:
        key = tally_key(
            "gatewatch_findings_total", detector=f.detector, method=f.method, subject=f.subject, status=f.status.value
        )
        batch.tallies[key] += 1
    upsert(connection, t.board, [_columns(f) for f in batch.board])
    upsert(connection, t.board, [_columns(f) for f in roll_up(connection, batch.board)])
    upsert(connection, t.trend, [_columns(f) for f in batch.trends])


def _arrival(f: Finding, arrivals: Sequence[int], first: int) -> int:
    """The arrival number of the row that caused a finding; 0 if no single row did."""
    if f.row < 0:
        return 0
    return arrivals[f.row] if arrivals else first + f.row


def _columns(f: Finding) -> dict[str, object]:
    return {
        "detector": f.detector, "method": f.method, "subject": f.subject, "feature": f.feature, "at": f.at,
        "status": f.status.value, "value": f.value, "limit": f.limit, "causes": list(f.causes), "step": f.step,
    }  # fmt: skip
