"""The pull jobs of a plant: one for each partition of each source, in the order in which a slot runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from monitor.jobs.pulling.pull import PullJob
from monitor.pipeline.events import EventsPipeline
from monitor.pipeline.judging import InForce
from monitor.pipeline.parts import PartsPipeline
from monitor.pipeline.pipeline import Pipeline
from monitor.pipeline.readings import ReadingsPipeline
from monitor.plant.plant import Plant
from monitor.ports import PulledSource
from monitor.store.database.database import Store

_ORDER = ("machine_states", "outcomes", "part_steps", "readings", "dispositions")
"""The order of the pull jobs within one slot: later kinds use earlier ones, as gates do the newest outcomes."""

Models = Callable[[], Mapping[str, InForce]]
"""The model that each gate uses now."""


def pull_jobs(
    plant: Plant, digest: str, store: Store, sources: Mapping[str, PulledSource], in_force: Models
) -> list[PullJob]:
    """The jobs that pull these sources. `digest`: that of the plant file, which decisions record."""
    jobs = []
    for name in sorted(sources, key=lambda name: _ORDER.index(plant.sources[name].kind)):
        for partition in list(plant.sources[name].partitions) or ["all"]:
            pipeline = _pipeline(plant, digest, store, name, in_force)
            jobs.append(PullJob(store, plant, name, partition, sources[name], pipeline))
    return jobs


def _pipeline(plant: Plant, digest: str, store: Store, source: str, in_force: Models) -> Pipeline:
    kind = plant.sources[source].kind
    if kind == "part_steps":
        return PartsPipeline(store, plant, digest, source, in_force)
    if kind == "readings":
        return ReadingsPipeline(store, plant, source)
    return EventsPipeline(store, plant, source)
