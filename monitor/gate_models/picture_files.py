"""Pictures of a part for people: as they are stored, and where they look unlike those of good parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from inference.overlay import map_png
from monitor.gate_models.registry import ModelRegistry
from monitor.pipeline.passages import picture_key
from monitor.plant.plant import Plant
from monitor.store.database.database import Store
from monitor.store.rows.decisions import StoredDecision, decisions_of
from monitor.store.rows.parts import PartStep, part_history
from monitor.store.rows.pictures import StoredPicture, pictures_of


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
