"""`gatewatch check` beyond the plant file: problems of the databases that it names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.errors import MonitorError, UsageError

if TYPE_CHECKING:
    from monitor.plant.file.load import Examined
    from monitor.plant.plant import Plant


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found, a sentence each: problems, and warnings of what works, but not as one may expect.

    `sources`: what was understood of each source.
    """

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def check_databases(examined: Examined) -> Checked:
    """Every problem of sources, store, write-back target and notifications, and warnings. Creates nothing.

    Sections of the plant file that have problems themselves are left out: where they lead is not known.
    """
    plant = examined.plant
    if plant is None:
        return Checked()
    found = _Found([] if not examined.is_sound("gates") else _doubtful_costs(plant))
    if all(map(examined.is_sound, ("jobs", "machines", "sources"))):
        found.warnings += _idle_workers(plant)
    problems = [*_sources(examined, plant, found), *_store(examined, plant), *_targets(examined, plant)]
    return Checked(tuple(problems), tuple(found.warnings), tuple(found.sources))


def _doubtful_costs(plant: Plant) -> list[str]:
    from monitor.clock import WallClock
    from monitor.connecting.cost_doubts import cost_doubts

    return cost_doubts(plant, WallClock().now())


def _idle_workers(plant: Plant) -> list[str]:
    from monitor.runtime.workers.units import idle_workers

    return idle_workers(plant)


@dataclass(slots=True)
class _Found:
    warnings: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)


def _sources(examined: Examined, plant: Plant, found: _Found) -> Iterator[str]:
    from monitor.clock import WallClock
    from monitor.connecting.doubts import doubts, other_units
    from monitor.connecting.preview import sentence
    from monitor.runtime.looking import Parts, look

    now = WallClock().now()
    parts = Parts(examined, plant)
    for name in plant.sources:
        if not examined.is_sound("sources", name):
            continue
        try:
            looked = look(name, plant, now)
        except MonitorError as exc:
            yield str(exc)
            continue
        found.warnings += looked.remarks
        if looked.preview.problem:
            yield looked.preview.problem
        else:
            found.sources.append(sentence(looked.preview, now))
        config = plant.sources[name]
        found.warnings += doubts(looked.preview, config, looked.rows, parts.have)
        if examined.is_sound("machines"):
            found.warnings += other_units(name, config, plant)


def _store(examined: Examined, plant: Plant) -> Iterator[str]:
    from monitor.store.database.database import Store
    from monitor.store.database.schema import usable

    if not examined.is_sound("store", "url"):
        return
    store = Store(plant.store.url)
    try:
        file = store.file()
        if file is None or file.exists():
            usable(store)
        elif not file.parent.is_dir():
            yield f"store.url: the folder {file.parent} does not exist; create it"
    except MonitorError as exc:
        yield str(exc)
    finally:
        store.close()


def _targets(examined: Examined, plant: Plant) -> Iterator[str]:
    from exporters.delivery.mes import MesTarget
    from monitor.delivery.notifications import problems as notify_problems
    from monitor.lake.packages import require_packages
    from monitor.web.people_file import people_of

    if plant.write_back is not None and examined.is_sound("write_back"):
        names = {"site": [plant.site], "step": list(dict.fromkeys(gate.step for gate in plant.gates.values()))}
        yield from MesTarget(plant.write_back, names).check()
    if examined.is_sound("notify"):
        yield from notify_problems(plant)
    if examined.is_sound("server"):
        try:
            people_of(plant.server)
        except UsageError as exc:
            yield from str(exc).splitlines()
    try:
        require_packages(plant)
    except UsageError as exc:
        yield str(exc)
