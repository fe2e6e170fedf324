"""Which alerts follow from a source that is down: those on what it feeds, which nothing can be known of meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from alerting.specs.roster import BY_NAME
from monitor.plant.plant import Plant
from monitor.plant.sources import pull_name, reconcile_name

SOURCE_DOWN = frozenset({"SourceStopped", "SourceStale", "SourceNotUnderstood"})
"""The alerts that say that nothing comes from a source."""


class OpenAlert(NamedTuple):
    """An alert that fires or is not settled yet."""

    id: int
    name: str
    subject: str


@dataclass(frozen=True, slots=True)
class Feeds:
    """What a source feeds: its kind, and the names of its machines, gates and jobs."""

    kind: str
    machines: frozenset[str]
    gates: frozenset[str]
    jobs: frozenset[str]

    def reaches(self, kind: str, subject: str) -> bool:
        """Whether it feeds a subject of a kind."""
        fed = {"machine": self.machines, "gate": self.gates, "job": self.jobs}
        return subject in fed.get(kind, ())


def feeds_of(plant: Plant) -> Mapping[str, Feeds]:
    """What each source of the plant feeds. A source whose partitions name machines feeds these alone."""
    found = {}
    for name, source in plant.sources.items():
        listed = {member for group in source.partitions.values() for member in group}
        machines = listed & plant.machines.keys() or set(plant.machines)
        jobs = {pull_name(name, partition, source) for partition in source.partitions or ("all",)}
        jobs.add(reconcile_name(name))
        found[name] = Feeds(source.kind, frozenset(machines), frozenset(plant.gates), frozenset(jobs))
    return found


def starved_by(alert: OpenAlert, down: Iterable[OpenAlert], feeds: Mapping[str, Feeds]) -> OpenAlert | None:
    """The alert on a source, among those `down`, that this one follows from; the first, itself where it is that."""
    spec = BY_NAME.get(alert.name)
    for source in sorted(down):
        fed = feeds.get(source.subject)
        if spec is None or fed is None:
            continue
        same_source = spec.kind == "source" and alert.subject == source.subject and alert.name in SOURCE_DOWN
        same_job = spec.kind == "job" and fed.reaches("job", alert.subject)
        if same_source or same_job or (fed.kind in spec.needs and fed.reaches(spec.kind, alert.subject)):
            return source
    return None
