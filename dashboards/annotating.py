"""Posts what happened in a plant to Grafana as annotations: each once, however often it is asked to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from dashboards.blocks.marks import TAG, Mark, identity, tags_of
from dashboards.grafana import Grafana
from monitor.errors import GrafanaError, GrafanaReason

MOST = 500
"""Marks of a kind, the newest ones."""
LISTED = 10_000
"""Annotations of a site that are looked at; in the time of the marks there are fewer, unless somebody made them."""


@dataclass(frozen=True, slots=True)
class Annotated:
    """How many annotations were posted, were there already, and were left out as older than the newest of a kind."""

    posted: int
    present: int
    left_out: int


def annotate(grafana: Grafana, site: str, marks: Sequence[Mark]) -> Annotated:
    """Post those of the marks that Grafana has not; two processes that do so at once may post one twice."""
    wanted = newest(marks)
    known = _known(grafana, site, wanted)
    new = [mark for mark in wanted if identity(site, mark) not in known]
    for mark in new:
        grafana.mark(mark.text, tags_of(site, mark), mark.at, mark.until)
    return Annotated(len(new), len(wanted) - len(new), len(marks) - len(wanted))


def newest(marks: Iterable[Mark]) -> list[Mark]:
    """The newest `MOST` of each kind, in order of time."""
    kinds = groupby(sorted(marks, key=lambda mark: (mark.kind, mark.at, mark.subject)), key=lambda mark: mark.kind)
    return sorted((mark for _, of_kind in kinds for mark in list(of_kind)[-MOST:]), key=lambda mark: mark.at)


def _known(grafana: Grafana, site: str, wanted: Sequence[Mark]) -> frozenset[str]:
    """The tags of the annotations of this site in the time of the marks."""
    if not wanted:
        return frozenset()
    end = max(mark.until or mark.at for mark in wanted)
    found = grafana.marked([TAG, site], wanted[0].at, end, LISTED)
    if len(found) >= LISTED:
        text = (
            f"grafana {grafana.url} has {LISTED} annotations or more of site {site} since {wanted[0].at:%Y-%m-%d}, so "
            "that it cannot be told which are there; give a shorter --since"
        )
        raise GrafanaError(text, GrafanaReason.REFUSED)
    return frozenset(tag for tags in found for tag in tags)
