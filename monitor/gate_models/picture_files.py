"""Pictures of a part for people: as they are stored, and where they look unlike those of good parts."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from inference.overlay import map_png
from monitor.errors import ModelError
from monitor.gate_models.registry import ModelRegistry
from monitor.pipeline.passages import picture_key
from monitor.plant.plant import Plant
from monitor.ports import GateModel
from monitor.store.database.database import Store
from monitor.store.rows.decisions import StoredDecision, decisions_of
from monitor.store.rows.parts import PartStep, part_history, part_steps
from monitor.store.rows.pictures import StoredPicture, pictures_of

_MAPS = 32
"""Maps that are kept, as PNGs."""


class NamedPicture(NamedTuple):
    """A PNG and a name for its file."""

    name: str
    png: bytes


def pictures_of_part(
    store: Store, plants: Callable[[str], Plant], registry: ModelRegistry, serial: str
) -> Iterator[NamedPicture]:
    """The stored pictures of a part in order of arrival, then one with its anomaly map for each decision by a picture.

    The map is of the model that decided, which the cache must have: ModelError otherwise. `plants` gives the plant
    file of a digest.
    """
    with store.read() as connection:
        rows = {row.arrival: row for row in part_history(connection, [serial])}
        pictures = pictures_of(connection, rows)
        decisions = decisions_of(connection, serial)
    for picture in pictures:
        yield NamedPicture(f"{_stem(rows, picture)}.png", picture.png)
    known = {(picture.arrival, picture.name): picture for picture in pictures}
    for decision in decisions:
        judged = _judged(decision, plants(decision.plant_digest), known)
        drawn = None
        if judged is not None:
            drawn = map_png(registry.load(decision.model, decision.model_digest), judged.png)
        if judged is not None and drawn is not None:
            yield NamedPicture(f"{_stem(rows, judged)}-map-{_plain(decision.gate)}-{decision.visit}.png", drawn)


def _judged(
    decision: StoredDecision, plant: Plant, known: Mapping[tuple[int, str], StoredPicture]
) -> StoredPicture | None:
    """The picture that a decision rests on."""
    key = picture_key(plant.gates[decision.gate], decision.inputs)
    return None if key is None or decision.predicted is None else known.get(key)


def _stem(rows: Mapping[int, PartStep], picture: StoredPicture) -> str:
    row = rows[picture.arrival]
    revision = f"-revision{row.revision}" if row.revision else ""
    return f"{_plain(row.step)}-{row.visit}{revision}-{_plain(picture.name)}"


def _plain(name: str) -> str:
    """The name without what a file name cannot hold."""
    return re.sub(r"[^\w.-]", "_", name)


class PictureMaps:
    """Draws anomaly maps for several threads, one at a time: the last model and the last maps are kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: tuple[tuple[str, str], GateModel] | None = None
        self._drawn: dict[tuple[int, str, str], bytes] = {}

    def of(
        self, store: Store, plants: Callable[[str], Plant | None], registry: ModelRegistry, arrival: int, name: str,
        gate: str,
    ) -> bytes | None:  # fmt: skip
        """A stored picture with the map of the model by which this gate decided on it, as a PNG.

        None where there is no such picture or decision, or the model is not in the cache or draws no map.
        """
        key = (arrival, name, gate)
        with self._lock:
            drawn = self._drawn.get(key) or self._draw(store, plants, registry, arrival, name, gate)
            if drawn is not None and key not in self._drawn:
                if len(self._drawn) >= _MAPS:
                    self._drawn.pop(next(iter(self._drawn)))
                self._drawn[key] = drawn
            return drawn

    def _draw(
        self, store: Store, plants: Callable[[str], Plant | None], registry: ModelRegistry, arrival: int, name: str,
        gate: str,
    ) -> bytes | None:  # fmt: skip
        with store.read() as connection:
            rows = part_steps(connection, [arrival])
            decisions = [row for one in rows for row in decisions_of(connection, one.serial) if row.gate == gate]
            pictures = {(one.arrival, one.name): one for one in pictures_of(connection, [arrival])}
        for row in reversed(decisions):
            plant = plants(row.plant_digest)
            judged = _judged(row, plant, pictures) if plant is not None and gate in plant.gates else None
            if judged is not None and judged.name == name:
                return self._map(registry, row, judged.png)
        return None

    def _map(self, registry: ModelRegistry, row: StoredDecision, png: bytes) -> bytes | None:
        key = (row.model, row.model_digest)
        if self._model is None or self._model[0] != key:
            try:
                self._model = key, registry.load(*key)
            except ModelError:
                return None
        return map_png(self._model[1], png)
