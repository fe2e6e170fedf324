"""The board of current findings, and changes to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from detectors.stream.worst_machine import DETECTOR, worst_machine
from detectors.window.roster import step_detector_names
from exporters.metrics.shared.snapshot import BoardRow
from monitor.detection import CONDITION_ALARM, PERFORMANCE, WORST_RATIO
from monitor.model import Finding, Status
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.rows import fetch_rows, select_columns


def status_changes(connection: sa.Connection, findings: Iterable[Finding]) -> Sequence[Finding]:
    """The findings whose status differs from the one on the board."""
    evaluated = list(findings)
    c = t.board.c
    on_board = {
        row[:4]: row.status
        for row in connection.execute(
            sa.select(c.detector, c.method, c.subject, c.feature, c.status).where(
                c.detector.in_({f.detector for f in evaluated})
            )
        )
    }
    return [f for f in evaluated if on_board.get((f.detector, f.method, f.subject, f.feature)) != f.status.value]


def realised_statuses(connection: sa.Connection, method: str, since: Mapping[str, datetime]) -> dict[str, Status]:
    """The status of each gate's realised skill or coverage, judged after its given instant; read for every batch.

    The instant is that since which its version is in force: earlier findings are about another one. A gate that has not
    been judged since is left out.
    """
    rows = connection.execute(_of_gates(), {"method": method})
    return {gate: Status(status) for gate, status, at in rows if gate in since and at > since[gate]}


@cache
def _of_gates() -> sa.Select[Any]:
    b = t.board.c
    of_gates = (b.detector == PERFORMANCE, b.method == sa.bindparam("method"), b.feature == "")
    return sa.select(b.subject, b.status, b.at).where(*of_gates)


def trend_findings(findings: Iterable[Finding]) -> list[Finding]:
    """The findings to store as trends: those of whole subjects, and of single features those in breach.

    The values of all other features are on the board and, over time, in Prometheus.
    """
    return [f for f in findings if not f.feature or f.status is Status.BREACH]


def drift_findings(connection: sa.Connection, step: str | None = None) -> list[BoardRow]:
    """The drift findings on the board: each step as a whole, then its features, worst first."""
    c = t.board.c
    drift = c.detector.in_(step_detector_names())
    rows = board_rows(connection, *([drift] if step is None else [drift, c.subject == step]))
    return sorted(rows, key=lambda r: (r.subject, r.detector, r.feature != "", -ratio(r), r.feature))


def drifting_since(connection: sa.Connection, step: str) -> datetime | None:
    """Since when the step has been drifting; None if it is not."""
    b, f = t.board.c, t.finding.c
    drifting = sa.select(b.detector).where(
        b.detector.in_(step_detector_names()),
        b.method == WORST_RATIO,
        b.subject == step,
        b.status == Status.BREACH.value,
    )
    breached = list(connection.execute(drifting).scalars())
    began = sa.select(sa.func.max(f.at)).where(
        f.detector.in_(breached), f.method == WORST_RATIO, f.subject == step, f.status == Status.BREACH.value
    )
    at: datetime | None = connection.execute(began).scalar() if breached else None
    return at


def ratio(row: BoardRow | BreachSince) -> float:
    """A finding's value as a share of its limit; 0 where it has none."""
    return row.value / row.limit if row.value is not None and row.limit else 0.0


def board_rows(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> Iterator[BoardRow]:
    """The rows of the board."""
    for row in fetch_rows(connection, BoardRow, select_columns(BoardRow, t.board).where(*where)):
        yield row._replace(causes=tuple(row.causes))


def board_rows_of(connection: sa.Connection, detector: str) -> list[tuple[str, str]]:
    """Method and subject of every finding of a detector on the board."""
    return sorted((row.method, row.subject) for row in board_rows(connection, t.board.c.detector == detector))


def last_finding_id(store: Store) -> int:
    """The highest id of a finding; 0 if there is none."""
    with store.read() as connection:
        return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(t.finding.c.id), 0))).scalar_one())


def roll_up(connection: sa.Connection, findings: Iterable[Finding]) -> list[Finding]:
    """For each step with a machine among the findings, its worst machine on the board.

    Read from the board because other machines of the step may belong to a partition of another process.
    """
    steps = sorted({f.step for f in findings if f.detector == DETECTOR and f.step})
    if not steps:
        return []
    b = t.board.c
    by_step: dict[str, list[BoardRow]] = {}
    for row in board_rows(connection, b.detector == DETECTOR, b.method == CONDITION_ALARM, b.step.in_(steps)):
        by_step.setdefault(row.step, []).append(row)
    return [worst_machine(step, by_step[step]) for step in steps if step in by_step]


class BreachSince(NamedTuple):
    """A finding of the board in breach, and since when: the newest change of its status to breach."""

    detector: str
    method: str
    subject: str
    feature: str
    step: str
    causes: Sequence[str]
    value: float | None
    limit: float | None
    since: datetime


def breaches(connection: sa.Connection, detectors: Sequence[str]) -> list[BreachSince]:
    """The findings of these detectors that are in breach now."""
    b, f = t.board.c, t.finding.c
    same = [b[name] == f[name] for name in ("detector", "method", "subject", "feature")]
    began = sa.select(sa.func.max(f.at)).where(*same, f.status == Status.BREACH.value).scalar_subquery()
    columns = [b[name] for name in BreachSince._fields[:-1]]
    query = sa.select(*columns, sa.func.coalesce(began, b.at)).where(
        b.detector.in_(detectors), b.status == Status.BREACH.value
    )
    return [BreachSince._make(row) for row in connection.execute(query.order_by(*columns[:4]))]
