"""Which jobs of readings belong together, and which worker process runs which of them; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from monitor.pipeline.feeds import detect_name, machine_groups
from monitor.plant.plant import Plant
from monitor.plant.sources import ReadingSource, pull_name


@dataclass(frozen=True, slots=True)
class Unit:
    """Names of pull jobs that feed some machines together, of the jobs that judge these, and how many machines."""

    pulls: tuple[str, ...]
    judges: tuple[str, ...] = ()
    machines: int = 0

    @property
    def jobs(self) -> tuple[str, ...]:
        """All its jobs."""
        return (*self.pulls, *self.judges)


def units_of(plant: Plant) -> list[Unit]:
    """The units of a plant; every pull of readings is in one of them, also one that feeds no machine."""
    units = [Unit((name,)) for name in _pulls(plant)]
    for feeds, machines in machine_groups(plant).items():
        names = {feed.job for feed in feeds}
        joined = [unit for unit in units if names & set(unit.pulls)]
        units = [unit for unit in units if unit not in joined]
        pulls = tuple(name for unit in joined for name in unit.pulls)
        judges = (*(name for unit in joined for name in unit.judges), detect_name(feeds))
        units.append(Unit(pulls, judges, len(machines) + sum(unit.machines for unit in joined)))
    return units


def spread(units: Sequence[Unit], workers: int) -> list[tuple[str, ...]]:
    """The names of the jobs of each worker; no more workers than units. Equal units always give equal workers.

    The unit with the most machines first, each to the worker that has the fewest by then.
    """
    shares: list[list[Unit]] = [[] for _ in range(min(workers, len(units)))]
    for unit in sorted(units, key=lambda unit: (-unit.machines, unit.pulls)) if shares else ():
        min(shares, key=_load).append(unit)
    return [tuple(name for unit in share for name in unit.jobs) for share in shares]


def idle_workers(plant: Plant) -> list[str]:
    """A sentence if the plant file asks for more workers than there is work for."""
    asked, units = plant.jobs.workers, len(units_of(plant))
    if asked <= units:
        return []
    groups = "group" if units == 1 else "groups"
    return [
        f"jobs.workers: {asked}, but the pulls of readings fall into {units} {groups} that share no machine, so only "
        f"{units} start; divide sources by `partitions`, or ask for fewer"
    ]


def _load(share: Sequence[Unit]) -> tuple[int, int]:
    return sum(unit.machines for unit in share), len(share)


def _pulls(plant: Plant) -> Iterator[str]:
    for name, config in plant.sources.items():
        if isinstance(config, ReadingSource):
            yield from (pull_name(name, partition, config) for partition in config.partitions or ["all"])
