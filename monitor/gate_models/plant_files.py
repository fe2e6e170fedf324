"""The plant files that decisions were made by, and what decisions cost under them."""

from __future__ import annotations

from pathlib import Path

from inference.policy.costs import Costs
from monitor.errors import MonitorError
from monitor.plant.plant import Plant
from monitor.store.database.database import Connection, Store
from monitor.store.plant_files import plant_file_text

_MOST_FILES = 64


class PlantFiles:
    """The stored plant files by digest, each read once. One that this version cannot read is not known."""

    def __init__(self, folder: Path) -> None:
        """Relative paths in them count from `folder`."""
        self._folder = folder
        self._known: dict[str, Plant | None] = {}

    def of(self, connection: Connection, digest: str) -> Plant | None:
        """The plant file of a digest; None where it is not known."""
        if digest in (known := self._known):
            return known[digest]
        text = plant_file_text(connection, digest)
        if text is None:  # perhaps it comes later
            return None
        found = self._parsed(text)
        # Replaced as a whole: another thread may be reading it.
        self._known = {**(known if len(known) < _MOST_FILES else {}), digest: found}
        return found

    def _parsed(self, text: str) -> Plant | None:
        from monitor.plant.file.load import parse

        try:
            return parse(text, self._folder).plant
        except MonitorError:
            return None


class PastCosts:
    """Costs by digest of a plant file and name of a gate; each is looked up once.

    None where a file is no longer stored, cannot be read by this version, or has no such gate or no costs for it.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        """`folder` is that of the plant file."""
        self._store = store
        self._files = PlantFiles(folder)
        self._costs: dict[tuple[str, str], Costs | None] = {}

    def __call__(self, digest: str, gate: str) -> Costs | None:
        """What decisions of the gate cost under the plant file."""
        key = (digest, gate)
        if key not in self._costs:
            with self._store.read() as connection:
                plant = self._files.of(connection, digest)
            self._costs[key] = None if plant is None or gate not in plant.gates else plant.gates[gate].priced()
        return self._costs[key]
