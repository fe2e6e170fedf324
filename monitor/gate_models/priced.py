"""What decisions of a gate cost under the plant file that they were made with."""

from __future__ import annotations

from pathlib import Path

from inference.policy.costs import Costs
from monitor.errors import MonitorError
from monitor.plant.plant import Plant
from monitor.store.database.database import Store
from monitor.store.plant_files import plant_file_texts


class PastCosts:
    """Costs by digest of a plant file and name of a gate; each file is read once.

    None where a file is no longer stored, cannot be read by this version, or has no such gate or no costs for it.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        """`folder` is that of the plant file."""
        self._store = store
        self._folder = folder
        self._plants: dict[str, Plant | None] = {}

    def __call__(self, digest: str, gate: str) -> Costs | None:
        """What decisions of the gate cost under the plant file."""
        if digest not in self._plants:
            self._plants[digest] = self._read(digest)
        plant = self._plants[digest]
        return None if plant is None or gate not in plant.gates else plant.gates[gate].priced()

    def _read(self, digest: str) -> Plant | None:
        from monitor.plant.file.load import parse

        with self._store.read() as connection:
            text = plant_file_texts(connection).get(digest)
        try:
            return None if text is None else parse(text, self._folder).plant
        except MonitorError:
            return None
