"""Which sources feed a machine, and how long its values are held, by the plant file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from monitor.pipeline.joining import Feed, Holding
from monitor.plant.plant import Plant
from monitor.plant.sources import ReadingSource, pull_name


def feeds_of(plant: Plant, machine: str) -> dict[str, Feed]:
    """By source, what it gives of a machine."""
    own = frozenset(plant.machines[machine].sensors)
    return {
        name: Feed(own & config.values.keys(), config.recipe is not None)
        for name, config in _readings(plant)
        if config.sensor is not None or own & config.values.keys()
    }


def holding_of(plant: Plant, machine: str) -> dict[str, Holding]:
    """By sensor how long a value is held, for the sensors that a source may give."""
    sensors = plant.machines[machine].sensors
    held: dict[str, Holding] = {}
    for _, config in _readings(plant):
        for name in sensors if config.sensor is not None else sensors.keys() & config.values.keys():
            sensor, before = sensors[name], held.get(name)
            max_age = sensor.max_age if sensor.max_age is not None else config.max_age
            interval = config.every if before is None else max(config.every, before.interval)
            on_change = config.on_change if sensor.on_change is None else sensor.on_change
            held[name] = Holding(interval, max_age, on_change or (before is not None and before.on_change))
    return held


class PullFeed(NamedTuple):
    """A pull job that feeds machines, its interval, and by how much its rows may lag behind the time of the pull."""

    job: str
    every: timedelta
    lag: timedelta


def machine_groups(plant: Plant) -> Mapping[tuple[PullFeed, ...], tuple[str, ...]]:
    """The machines by the pull jobs that feed them; machines without a source are left out."""
    groups: dict[tuple[PullFeed, ...], list[str]] = {}
    for machine in plant.machines:
        pulls = tuple(_pulls(plant, machine))
        if pulls:
            groups.setdefault(pulls, []).append(machine)
    return {pulls: tuple(machines) for pulls, machines in groups.items()}


def detect_name(pulls: Sequence[PullFeed]) -> str:
    """The name of the job that judges the machines fed by these pulls."""
    return "detect:" + "+".join(pull.job.removeprefix("pull:") for pull in pulls)


def _pulls(plant: Plant, machine: str) -> Iterator[PullFeed]:
    feeding = feeds_of(plant, machine) if plant.machines[machine].sensors else {}
    for name, config in _readings(plant):
        if name not in feeding:
            continue
        for partition, members in (config.partitions or {"all": [machine]}).items():
            if machine in members:
                lag = config.look_back + (timedelta(0) if config.dated else config.delay)
                yield PullFeed(pull_name(name, partition, config), config.every, lag)


def _readings(plant: Plant) -> Iterator[tuple[str, ReadingSource]]:
    for name, config in plant.sources.items():
        if isinstance(config, ReadingSource):
            yield name, config
