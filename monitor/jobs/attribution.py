"""Attribution: the findings in breach become likely causes, which are findings of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from detectors.attribution.causes import Cause, CauseKind, Line, attribute, is_same
from detectors.attribution.evidence import FindingKey
from monitor.detection import CAUSE
from monitor.instants import from_nanos, to_nanos
from monitor.model import Finding, Status
from monitor.plant.plant import Plant
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.store.commit import BatchWrite, commit
from monitor.store.database.database import Connection, Store
from monitor.store.watching.board import BreachSince, board_rows_of, breaches, status_changes
from monitor.store.watching.causes import REMEMBERED, StoredCause, causes_since
from monitor.windows.attribution import DETECTORS, Evidence


class AttributionJob:
    """Looks for what the findings in breach have in common, at each slot in which there are any or a cause is open."""

    name = "attribution"
    scope = WHOLE_PLANT

    def __init__(self, store: Store, plant: Plant) -> None:
        self.interval = plant.drift.every
        self._store = store
        self._plant = plant
        self._evidence = Evidence(plant)
        machines = {step: tuple(m for m, of in plant.machines.items() if of.step == step) for step in plant.steps}
        self._line = Line(tuple(plant.steps), machines)

    def forget(self) -> None:
        """Nothing is in memory that is not read again."""

    def run(self, run: Run) -> Result:
        """Attribute, and store what changed with the findings."""
        with self._store.read() as connection:
            found = breaches(connection, DETECTORS)
            known = causes_since(connection, run.now - REMEMBERED)
            if not found and all(cause.ended_at for cause in known):
                return Result()
            changed, findings = self._round(connection, found, known, run.now)
            write = BatchWrite(self.name, "", "", run.now, causes=changed, board=findings)
            write.findings = list(status_changes(connection, findings))
        commit(self._store, run.lease, write)
        return Result(len(found))

    def _round(
        self, connection: Connection, found: Sequence[BreachSince], known: Sequence[StoredCause], now: datetime
    ) -> tuple[list[StoredCause], list[Finding]]:
        parts = self._evidence.of_parts(connection, found, now)
        machines = self._evidence.of_machines(found)
        causes = attribute(self._line, parts, machines, [_cause(row) for row in known])
        changed = matched(causes, known, self._plant, now)
        return changed, findings_of(changed, board_rows_of(connection, CAUSE), now)


def matched(causes: Sequence[Cause], known: Sequence[StoredCause], plant: Plant, now: datetime) -> list[StoredCause]:
    """The causes as rows: each continues the stored one of its kind and subject, else the open one with a finding of
    its own that is no longer among the causes; open ones without a finding end."""
    left = [
        row for row in known
        if row.ended_at is None and not any(is_same(row.kind, row.subject, row.names, cause) for cause in causes)
    ]  # fmt: skip
    changed = []
    for cause in causes:
        same = [row for row in known if is_same(row.kind, row.subject, row.names, cause)]
        before = same[-1] if same else _renamed(cause, left)
        if before in left:
            left.remove(before)
        changed.append(_row(cause, before, plant, now))
    return [*changed, *(row._replace(ended_at=now) for row in left)]


def _renamed(cause: Cause, left: Sequence[StoredCause]) -> StoredCause | None:
    """The open cause most of whose findings these are, now that more parts show what it is."""
    for row in left:
        known = {FindingKey(*key) for key in row.findings}
        if 2 * len(known & set(cause.findings)) >= len(known):
            return row
    return None


def _row(cause: Cause, before: StoredCause | None, plant: Plant, now: datetime) -> StoredCause:
    since, old = from_nanos(cause.since), () if before is None else before.parts
    findings = [] if before is None else [tuple(key) for key in before.findings]
    parts = [*(part for part in old if part in cause.serials), *sorted(cause.serials - set(old))]
    return StoredCause(
        id=0 if before is None else before.id, kind=cause.kind.value, subject=cause.subject, step=cause.step,
        names=list(cause.names), since=since, found_at=now if before is None else before.found_at,
        ended_at=None, findings=[list(key) for key in dict.fromkeys((*findings, *cause.findings))], parts=parts,
        gates=gates_of(cause, plant), shift=cause.shift, certainty=cause.certainty, instead=cause.instead,
    )  # fmt: skip


def gates_of(cause: Cause, plant: Plant) -> list[str]:
    """The gates that judge what the cause touches: those of a rig's characteristic, and those that its parts pass."""
    if cause.kind is CauseKind.TEST_RIG:
        return [name for name, gate in plant.gates.items() if gate.characteristic == cause.subject]
    if cause.kind is CauseKind.MODEL:
        return [cause.subject]
    steps = list(plant.steps)
    if not cause.serials or cause.step not in steps:
        return []
    return [name for name, gate in plant.gates.items() if steps.index(gate.step) >= steps.index(cause.step)]


def findings_of(causes: Iterable[StoredCause], board: Iterable[tuple[str, str]], now: datetime) -> list[Finding]:
    """A breach for each open cause, with its certainty; OK for those on the board that are over."""
    open_ = {(row.kind, row.subject): row for row in causes if row.ended_at is None}
    findings = [
        Finding(
            CAUSE, row.kind, row.subject, "", now, Status.BREACH, row.certainty, None, causes=tuple(row.names),
            step=row.step,
        )
        for row in open_.values()
    ]  # fmt: skip
    over = [key for key in board if key not in open_]
    return [*findings, *(Finding(CAUSE, *key, "", now, Status.OK, None, None) for key in over)]


def _cause(row: StoredCause) -> Cause:
    findings = tuple(FindingKey(*key) for key in row.findings)
    return Cause(
        CauseKind(row.kind), row.subject, row.step, tuple(row.names), to_nanos(row.since), findings,
        frozenset(row.parts), frozenset(), row.shift, row.certainty, row.instead,
    )  # fmt: skip
