"""What the board says now, and which findings change it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa

from detectors.stream.worst_machine import DETECTOR, METHOD, worst_machine
from detectors.window.roster import step_detector_names
from exporters.metrics.shared.snapshot import BoardRow
from monitor.detection import PERFORMANCE, SKILL, WORST_RATIO
from monitor.model import Finding, Status
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.rows import fetched, selected


def changed(connection: sa.Connection, findings: Iterable[Finding]) -> Sequence[Finding]:
    """The findings whose status is not the one on the board: those that go on record as changes."""
    found = list(findings)
    c = t.board.c
    known = {
        row[:4]: row.status
        for row in connection.execute(
            sa.select(c.detector, c.method, c.subject, c.feature, c.status).where(
                c.detector.in_({f.detector for f in found})
            )
        )
    }
    return [f for f in found if known.get((f.detector, f.method, f.subject, f.feature)) != f.status.value]


def skill_of(connection: sa.Connection, gate: str, since: datetime) -> Status | None:
    """What the board says of the realised skill of the version in force since then; None where nothing newer is there.

    What was found before that is of another version. One row of a small table by its key: it is asked at every batch.
    """
    b = t.board.c
    mine = (b.detector == PERFORMANCE, b.method == SKILL, b.subject == gate, b.feature == "", b.at > since)
    status = connection.execute(sa.select(b.status).where(*mine)).scalar_one_or_none()
    return None if status is None else Status(status)


def worth_keeping(findings: Iterable[Finding]) -> list[Finding]:
    """Those of a subject as a whole, and of single features those in breach: bounded, and what a person looks for.

    The level of every other feature is on the board, and over time in Prometheus.
    """
    return [f for f in findings if not f.feature or f.status is Status.BREACH]


def drift_findings(connection: sa.Connection, step: str | None = None) -> list[BoardRow]:
    """The drift findings on the board: of each step the whole first, then its features from the worst on."""
    c = t.board.c
    drift = c.detector.in_(step_detector_names())
    rows = board_rows(connection, *([drift] if step is None else [drift, c.subject == step]))
    return sorted(rows, key=lambda r: (r.subject, r.detector, r.feature != "", -_ratio(r), r.feature))


def drifts_since(connection: sa.Connection, step: str) -> datetime | None:
    """The newest time at which the step began to drift, while it still does; None where it does not."""
    b, f = t.board.c, t.finding.c
    mine = sa.select(b.detector).where(
        b.detector.in_(step_detector_names()),
        b.method == WORST_RATIO,
        b.subject == step,
        b.status == Status.BREACH.value,
    )
    breached = list(connection.execute(mine).scalars())
    began = sa.select(sa.func.max(f.at)).where(
        f.detector.in_(breached), f.method == WORST_RATIO, f.subject == step, f.status == Status.BREACH.value
    )
    at: datetime | None = connection.execute(began).scalar() if breached else None
    return at


def _ratio(row: BoardRow) -> float:
    return row.value / row.limit if row.value is not None and row.limit else 0.0


def board_rows(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> Iterator[BoardRow]:
    """What the board says now."""
    for row in fetched(connection, BoardRow, selected(BoardRow, t.board).where(*where)):
        yield row._replace(causes=tuple(row.causes))


def last_finding(store: Store) -> int:
    """How many findings the store has ever held, by the highest number."""
    with store.read() as connection:
        return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(t.finding.c.id), 0))).scalar_one())


def roll_up(connection: sa.Connection, findings: Iterable[Finding]) -> list[Finding]:
    """For each step of which the findings judge a machine, what the board now says of all its machines together.

    From the board and not from the batch: other machines of the step may be another partition's, in another process.
    """
    steps = sorted({f.step for f in findings if f.detector == DETECTOR and f.step})
    if not steps:
        return []
    b = t.board.c
    by_step: dict[str, list[BoardRow]] = {}
    for row in board_rows(connection, b.detector == DETECTOR, b.method != METHOD, b.step.in_(steps)):
        by_step.setdefault(row.step, []).append(row)
    return [worst_machine(step, by_step[step]) for step in steps if step in by_step]
