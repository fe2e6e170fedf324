"""What the server of a running plant shows of parts: read anew at each request, from the plant in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from monitor.gate_models.picture_files import PictureMaps
from monitor.gate_models.plant_files import PlantFiles
from monitor.plant.calendar import last_begun
from monitor.plant.plant import Plant
from monitor.reports.handover import handover, since_of
from monitor.reports.part.lists import check_gate, list_holds, list_parts, page_size, wanted_of
from monitor.reports.part.lot import lot_of
from monitor.reports.part.reading import Lens
from monitor.reports.passport import passport
from monitor.runtime.app import App
from monitor.store.rows.pictures import picture_of
from monitor.web.parts import PartViews


class PartReader:
    """Parts of the plant in force, which a reload changes; for several threads."""

    def __init__(self, app: Callable[[], App]) -> None:
        self._app = app
        self._files = PlantFiles(app().loaded.path.parent)
        self._maps = PictureMaps()

    @property
    def views(self) -> PartViews:
        """As the server takes them."""
        return PartViews(self._listed, self._holds, self._handover, self._lot, self._picture_map)

    def passport(self, serial: str) -> dict[str, object] | None:
        """All that is known about a serial number, or None."""
        app = self._app()
        with app.store.read() as connection:
            return passport(connection, serial, app.plant.class_names(), self._lens(app))

    def picture(self, arrival: int, name: str) -> bytes | None:
        """A stored picture as a PNG, or None."""
        with self._app().store.read() as connection:
            return picture_of(connection, arrival, name)

    def _lens(self, app: App) -> Lens:
        return Lens(self._files.of, app.plant, app.clock.now())

    def _listed(self, given: Mapping[str, str]) -> dict[str, object]:
        app, wanted, size = self._app(), wanted_of(given), page_size(given)
        with app.store.read() as connection:
            check_gate(connection, wanted, self._lens(app))
            return list_parts(connection, wanted, size, self._lens(app))

    def _holds(self) -> dict[str, object]:
        app = self._app()
        with app.store.read() as connection:
            return list_holds(connection, app.clock.now(), self._lens(app))

    def _handover(self, since: str) -> dict[str, object]:
        app = self._app()
        now = app.clock.now()
        shift = last_begun(app.plant.shifts, app.plant.time_zone, now)
        with app.store.read() as connection:
            return handover(connection, since_of(since, now, shift), now, shift)

    def _lot(self, name: str) -> dict[str, object] | None:
        app = self._app()
        with app.store.read() as connection:
            return lot_of(connection, name, self._lens(app))

    def _picture_map(self, arrival: int, name: str, gate: str) -> bytes | None:
        app = self._app()
        return self._maps.of(app.store, self._plant, app.registry, arrival, name, gate)

    def _plant(self, digest: str) -> Plant | None:
        with self._app().store.read() as connection:
            return self._files.of(connection, digest)
