"""The two windows of a step: its frozen reference and its newest parts, with what the model in force says of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.detection import DRIFT, PREDICTION
from monitor.errors import StoreError, StoreReason
from monitor.gate_models.in_force import ModelsInForce
from monitor.model import Window
from monitor.plant.plant import Plant
from monitor.ports import GateModel
from monitor.store.database.database import Connection, Store
from monitor.store.database.leases import Lease
from monitor.store.rows.decisions import PictureSaid, Said, pictures_said, said_by
from monitor.store.rows.parts import PartStep, newest_arrival, newest_passages, part_history, passages_between
from monitor.store.watching.references import (
    FrozenReference,
    NewReference,
    freeze,
    reference_in_force,
    version_in_force,
)
from monitor.windows import parts as windows
from monitor.windows import pictures
from monitor.windows.frozen import content_of, digest_of, window_of
from monitor.windows.pictures import Judging

MEASURED, PREDICTED = DRIFT, PREDICTION
"""Under which detector the references of a step are kept: what was measured, and what the model says of it."""

State = tuple[int, int, str]
"""What a step's windows are made of: newest arrival, version of the reference (0: none), digest of the model."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """A reference in force, unpacked."""

    version: int
    frozen_at: datetime
    made_by: str
    window: Window


@dataclass(frozen=True, slots=True)
class Pair:
    """The newest parts of a step; `reference` None while it has none, else with the columns of the model too."""

    current: Window
    reference: Frozen | None


@dataclass(frozen=True, slots=True)
class _Known:
    """Of passages: every passage of their parts and what earlier gates said of these; or what was said of pictures."""

    history: Sequence[PartStep]
    said: Said
    judged: Mapping[int, PictureSaid]


class StepWindows:
    """Reads windows from the store, and freezes what is missing: the first reference, and each model's predictions."""

    def __init__(self, store: Store, plant: Plant, models: ModelsInForce) -> None:
        self._store = store
        self._plant = plant
        self._models = models
        self._gates = {gate.step: name for name, gate in plant.gates.items()}
        self._frozen: dict[tuple[str, str], Frozen] = {}

    def forget(self) -> None:
        """Read the references again."""
        self._frozen.clear()

    def state(self, step: str, lease: Lease | None, now: datetime) -> State | None:
        """What the step's windows are made of now; None for a step that no part ever passed."""
        with self._store.read() as connection:
            newest = newest_arrival(connection, step)
        if not newest:
            return None
        reference, model = self._reference(step, lease, now), self._model(step)
        return newest, reference.version if reference else 0, model.digest if model else ""

    def pair(self, step: str, lease: Lease | None, now: datetime, beat: Callable[[], None] = lambda: None) -> Pair:
        """The windows of a step that parts passed; `beat` is called while pictures of the reference are judged."""
        reference, model = self._reference(step, lease, now), self._model(step)
        with self._store.read() as connection:
            rows = newest_passages(connection, step, self._plant.drift.window_rows)
            known = self._known_of(connection, rows, step, model) if model else None
        current = windows.measured(step, rows)
        if reference is None:
            return Pair(current, None)
        before = reference.window
        current = windows.with_names(current, before.names)
        if model is not None and known is not None and PREDICTED not in current.names:
            said = self._predicted(step, reference, model, lease, now, beat)
            before = windows.with_columns(before, said)
            current = windows.with_columns(current, self._says(step, model, current, known, said.names))
        return Pair(current, replace(reference, window=before))

    def _known_of(self, connection: Connection, rows: Sequence[PartStep], step: str, model: GateModel) -> _Known:
        """What the store knows of these passages of which the model's columns are made.

        A model of pictures takes too long to be asked at every slot: what it said when the gate judged them counts.
        """
        name, serials = self._gates[step], [row.serial for row in rows]
        gate = self._plant.gates[name]
        if gate.picture is not None:
            judged = pictures_said(connection, name, model.digest, [row.arrival for row in rows])
            return _Known((), {}, judged)
        said = said_by(connection, [earlier.gate for earlier in gate.earlier], serials)
        return _Known(part_history(connection, serials), said, {})

    def _says(self, step: str, model: GateModel, window: Window, known: _Known, names: tuple[str, ...]) -> Window:
        """What the model says of the passages of a window, by these names."""
        gate = self._plant.gates[self._gates[step]]
        classes, ages = self._plant.classes_of(gate), self._plant.max_ages()
        if gate.picture is not None:
            values = pictures.columns_said(window, known.judged, names, classes)
            return replace(window, names=names, values=values, partial=frozenset(names))
        values = windows.predicted(known.history, ages, gate, model, window, known.said, classes)
        return replace(window, names=names, values=values[:, None])

    def _model(self, step: str) -> GateModel | None:
        """The model whose predictions belong to the windows."""
        gate = self._gates.get(step)
        return None if gate is None else self._models.for_gates([gate])[gate].model

    def _reference(self, step: str, lease: Lease | None, now: datetime) -> Frozen | None:
        """The step's reference in force, frozen now where it has none and parts enough."""
        known = self._open(MEASURED, step)
        if known is None:
            new = newest_reference(self._store, self._plant, step, "the first parts that suffice")
            if new is not None:
                freeze(self._store, lease, new, now)
                known = self._open(MEASURED, step)
        return known

    def _predicted(
        self, step: str, base: Frozen, model: GateModel, lease: Lease | None, now: datetime, beat: Callable[[], None]
    ) -> Window:
        """What the model in force says of the reference's parts: frozen once for each model and reference."""
        made_by = f"{model.digest} on version {base.version}{self._meanings(step)}"
        known = self._open(PREDICTED, step)
        if known is None or known.made_by != made_by:
            new = self._predict(step, base, model, made_by, beat)
            freeze(self._store, lease, new, now)
            return window_of(new.content, step, step)
        return known.window

    def _meanings(self, step: str) -> str:
        """What the classes mean of which the model's predictions are made; '' of a number."""
        classes = self._plant.classes_of(self._plant.gates[self._gates[step]])
        return "" if classes is None else f", {' '.join(classes.meanings)}"

    def _predict(
        self, step: str, base: Frozen, model: GateModel, made_by: str, beat: Callable[[], None]
    ) -> NewReference:
        first, last = int(base.window.arrivals[0]), int(base.window.arrivals[-1])
        name = self._gates[step]
        gate = self._plant.gates[name]
        with self._store.read() as connection:
            rows = passages_between(connection, step, first, last)
            known = self._known_of(connection, rows, step, model)
            history = part_history(connection, [row.serial for row in rows]) if gate.picture else ()
        if gate.picture is None:
            window = self._says(step, model, base.window, known, (PREDICTED,))
        else:
            held_out = self._models.for_gates([name])[name].held_out
            judging = Judging(gate, self._plant.max_ages(), model, held_out, self._plant.classes_of(gate))
            window = pictures.said_before(self._store, judging, base.window, history, known.judged, beat)
        return new_reference(PREDICTED, step, window, "the model in force or the step's reference changed", made_by)

    def _open(self, detector: str, step: str) -> Frozen | None:
        """The version in force, unpacked once: a command may have frozen a newer one since."""
        known = self._frozen.get((detector, step))
        with self._store.read() as connection:
            version = version_in_force(connection, detector, step)
            if version is None:
                return None
            if known is None or known.version != version:
                row = reference_in_force(connection, detector, step)
                if row is None:
                    return None
                known = self._frozen[detector, step] = _unpacked(row)
        return known


def _unpacked(row: FrozenReference) -> Frozen:
    try:
        window = window_of(row.content, row.subject, row.subject)
    except ValueError as exc:
        raise StoreError(
            f"step {row.subject!r}: version {row.version} of its {row.detector} reference cannot be read: {exc}; "
            f"'gatewatch drift freeze {row.subject}' makes another",
            StoreReason.CORRUPT,
        ) from exc
    return Frozen(row.version, row.frozen_at, row.content["made_by"], window)


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
