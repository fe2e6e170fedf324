"""What happened in a plant, as Grafana's annotations have it: the kinds, and the tags by which dashboards find them."""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

TAG = "gatewatch"
"""Of every annotation, and of every dashboard."""


class Group(StrEnum):
    """What a reader switches on together."""

    MODEL = "model"
    CHANGEOVER = "changeover"
    MAINTENANCE = "maintenance"


class MarkKind(StrEnum):
    """What happened."""

    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    RECIPE = "recipe"
    SETUP = "setup"
    DOWN = "down"
    ANEW = "anew"


GROUPS = {
    MarkKind.PROMOTION: Group.MODEL, MarkKind.ROLLBACK: Group.MODEL, MarkKind.RECIPE: Group.CHANGEOVER,
    MarkKind.SETUP: Group.CHANGEOVER, MarkKind.DOWN: Group.MAINTENANCE, MarkKind.ANEW: Group.MAINTENANCE,
}  # fmt: skip


class Mark(NamedTuple):
    """Something that happened to a gate or machine at an instant, or until a later one; `text` is HTML."""

    kind: MarkKind
    subject: str
    at: datetime
    until: datetime | None
    text: str


def identity(site: str, mark: Mark) -> str:
    """The tag that only this mark of this site has. It does not depend on its words."""
    parts = (site, mark.kind.value, mark.subject, mark.at.isoformat())
    return "gw-" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def tags_of(site: str, mark: Mark) -> list[str]:
    """Its tags: none is longer than 100 characters or has a colon, which Grafana would take for a key with a value."""
    return [TAG, GROUPS[mark.kind].value, mark.kind.value, mark.subject, site, identity(site, mark)]
