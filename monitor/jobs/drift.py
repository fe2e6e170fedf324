"""Drift of every step: its newest parts against its frozen reference, which is frozen by itself when parts suffice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import sqlalchemy as sa

from monitor import part_windows as windows
from monitor.jobs.base import Result, Run
from monitor.model import Finding, Floats, Status, Window
from monitor.plant import Plant, image_features
from monitor.ports import GateModel, WindowDetector
from monitor.references import content_of, digest_of, window_of
from monitor.shelf import Shelf
from monitor.store import tables as t
from monitor.store.batch import BatchWrite, commit
from monitor.store.board import changed
from monitor.store.database import Store
from monitor.store.knowledge import part_history
from monitor.store.passages import newest_arrival, newest_passages, passages_between
from monitor.store.references import NewReference, freeze, in_force
from monitor.store.trend import worth_keeping

MEASURED, PREDICTED = "drift", "prediction"
"""Under which detector the references of a step are kept: what was measured, and what the model says of it."""


@dataclass(frozen=True, slots=True)
class _Frozen:
    """A reference in force, unpacked."""

    version: int
    made_by: str
    window: Window


class DriftJob:
    """Compares windows of all steps at each slot; a step without a new part is left as it is."""

    name = "drift"

    def __init__(self, store: Store, plant: Plant, detectors: Sequence[WindowDetector], shelf: Shelf) -> None:
        self._store = store
        self._plant = plant
        self._measures, self._images = detectors
        self._shelf = shelf
        self._gates = {gate.step: name for name, gate in plant.gates.items()}
        self._pictured = image_features(plant)
        self._judged: dict[str, tuple[int, int, str]] = {}
        self._frozen: dict[tuple[str, str], _Frozen] = {}

    @property
    def interval(self) -> timedelta:
        """As the plant file says."""
        return self._plant.drift.every

    def forget(self) -> None:
        """Read the references again, and judge every step again."""
        self._judged.clear()
        self._frozen.clear()

    def run(self, run: Run) -> Result:
        """Judge every step with new parts; all findings are one commit."""
        board: list[Finding] = []
        judged: dict[str, tuple[int, int, str]] = {}
        rows = 0
        for step in self._plant.steps:
            with self._store.read() as connection:
                newest = newest_arrival(connection, step)
            if not newest:
                continue
            model = self._model(step)
            reference = self._reference(step, run)
            state = (newest, reference.version if reference else 0, model.digest if model else "")
            if self._judged.get(step) == state:
                continue
            found = self._judge(step, reference, model, run)
            board += found
            judged[step] = state
            rows += self._plant.drift.window_rows
            run.beat()
        if board:
            self._keep(board, run)
        self._judged |= judged
        return Result(rows)

    def _keep(self, board: Sequence[Finding], run: Run) -> None:
        write = BatchWrite(self.name, "", "", run.now, t.reference)
        with self._store.read() as connection:
            write.findings = list(changed(connection, board))
        write.board, write.trends = list(board), worth_keeping(board)
        commit(self._store, run.lease, write)

    def _judge(self, step: str, reference: _Frozen | None, model: GateModel | None, run: Run) -> list[Finding]:
        with self._store.read() as connection:
            rows = newest_passages(connection, step, self._plant.drift.window_rows)
            current = windows.measured(step, rows)
            if reference is None:
                return [_not_frozen(self._measures.name, current)]
            history = part_history(connection, [r.serial for r in rows]) if model else []
        before, current = reference.window, windows.with_names(current, reference.window.names)
        found: list[Finding] = []
        pictured = [name for name in current.names if name in self._pictured]
        if pictured:
            found += self._images.judge(windows.only(before, pictured), windows.only(current, pictured))
            rest = [name for name in current.names if name not in self._pictured]
            before, current = windows.only(before, rest), windows.only(current, rest)
        if model is not None and PREDICTED not in current.names:
            expected = self._predicted(step, reference, model, run)
            gate = self._plant.gates[self._gates[step]]
            before = windows.beside(before, PREDICTED, expected)
            current = windows.beside(current, PREDICTED, windows.predicted(history, gate, model, current))
        return [*found, *self._measures.judge(before, current)]

    def _model(self, step: str) -> GateModel | None:
        gate = self._gates.get(step)
        return None if gate is None else self._shelf.in_force([gate])[gate].model

    def _reference(self, step: str, run: Run) -> _Frozen | None:
        """The step's reference in force, frozen now where it has none and parts enough."""
        known = self._open(MEASURED, step)
        if known is not None:
            return known
        new = newest_reference(self._store, self._plant, step, "the first parts that suffice")
        if new is None:
            return None
        freeze(self._store, run.lease, new, run.now)
        return self._open(MEASURED, step)

    def _predicted(self, step: str, base: _Frozen, model: GateModel, run: Run) -> Floats:
        """What the model in force says of the reference's parts: frozen once for each model and reference."""
        made_by = f"{model.digest} on version {base.version}"
        known = self._open(PREDICTED, step)
        if known is None or known.made_by != made_by:
            new = self._predict(step, base, model, made_by)
            version = freeze(self._store, run.lease, new, run.now)
            known = _Frozen(version, made_by, window_of(new.content, step, step))
        return known.window.values[:, 0]

    def _predict(self, step: str, base: _Frozen, model: GateModel, made_by: str) -> NewReference:
        first, last = int(base.window.arrivals[0]), int(base.window.arrivals[-1])
        with self._store.read() as connection:
            rows = passages_between(connection, step, first, last)
            history = part_history(connection, [r.serial for r in rows])
        gate = self._plant.gates[self._gates[step]]
        values = windows.predicted(history, gate, model, base.window)
        window = replace(base.window, names=(PREDICTED,), values=np.asarray(values)[:, None])
        return new_reference(PREDICTED, step, window, "the model in force or the step's reference changed", made_by)

    def _open(self, detector: str, step: str) -> _Frozen | None:
        """The version in force, unpacked once: a command may have frozen a newer one since."""
        c = t.reference.c
        newest = sa.select(sa.func.max(c.version)).where(c.detector == detector, c.subject == step)
        known = self._frozen.get((detector, step))
        with self._store.read() as connection:
            version = connection.execute(newest).scalar()
            if version is None:
                return None
            if known is None or known.version != version:
                row = in_force(connection, detector, step)
                window = window_of(row.content, step, step)
                known = self._frozen[detector, step] = _Frozen(row.version, row.content["made_by"], window)
        return known


def newest_reference(store: Store, plant: Plant, step: str, cause: str) -> NewReference | None:
    """A reference of the step's newest parts; None while they are too few."""
    wanted = plant.drift.reference_rows
    with store.read() as connection:
        rows = newest_passages(connection, step, wanted)
    if len(rows) < wanted:
        return None
    return new_reference(MEASURED, step, windows.measured(step, rows), cause)


def new_reference(detector: str, step: str, window: Window, cause: str, made_by: str = "") -> NewReference:
    """The window as a reference to freeze."""
    content = content_of(window, made_by)
    first, last = int(window.arrivals[0]), int(window.arrivals[-1])
    return NewReference(detector, step, first, last, len(window), digest_of(content), cause, content)


def _not_frozen(detector: str, current: Window) -> Finding:
    at = windows.instant(int(current.at.max()))
    return Finding(detector, "worst_ratio", current.subject, "", at, Status.CANNOT_JUDGE, None, None, step=current.step)
