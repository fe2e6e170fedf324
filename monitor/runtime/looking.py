"""Looking at a source: its newest rows, and what of them is understood. Nothing is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.connecting.preview import SAMPLE, Preview, understand
from monitor.connecting.proposal import Proposal, propose
from monitor.errors import MonitorError, UsageError
from monitor.plant.plant import Plant
from monitor.plant.sources import PartSource
from monitor.sources.sql.describing import describe, written_url
from monitor.sources.transports import open_source

if TYPE_CHECKING:
    from monitor.plant.file.load import Examined


@dataclass(frozen=True, slots=True)
class Looked:
    """What was understood of a source, with its rows, newest first, and what its transport remarks."""

    preview: Preview
    rows: Sequence[Mapping[str, object]] = ()
    remarks: tuple[str, ...] = ()


def look(name: str, plant: Plant, now: datetime) -> Looked:
    """The newest rows of a source and what is understood of them; SourceError if it cannot be read at all.

    Times that cannot be read are a problem of the preview, whose rows are shown all the same.
    """
    config = plant.sources[name]
    source = open_source(name, config, plant)
    problem, remarks = "", tuple[str, ...]()
    try:
        try:
            remarks = tuple(source.verify())
        except UsageError as exc:
            problem = str(exc)
        rows = source.newest(SAMPLE)
        return Looked(understand(name, config, plant, source.kept, rows, now, problem), rows, remarks)
    finally:
        source.close()


class Parts:
    """The sources of part steps of a plant file, asked whether they have parts of given serials."""

    def __init__(self, examined: Examined, plant: Plant) -> None:
        self._examined = examined
        self._plant = plant

    def have(self, serials: Collection[str]) -> bool | None:
        """Whether one has a row of one of the serials; None if there is none, or one cannot be asked."""
        names = [name for name, config in self._plant.sources.items() if isinstance(config, PartSource)]
        if not names or not all(self._examined.is_sound("sources", name) for name in names):
            return None
        try:
            return any(self._has(name, serials) for name in names)
        except MonitorError:
            return None

    def _has(self, name: str, serials: Collection[str]) -> bool:
        source = open_source(name, self._plant.sources[name], self._plant)
        try:
            return bool(source.newest(1, serials))
        finally:
            source.close()


def propose_all(urls: Sequence[str], file: Path) -> list[tuple[str, Proposal]]:
    """What each table of some databases may be, with the URL for a plant file at `file`: without its password."""
    return [(written_url(url, file), propose(table)) for url in urls for table in describe(url)]
