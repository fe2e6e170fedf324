"""What happened in a plant since an instant, as marks for Grafana, and what of it is not known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

from dashboards.annotating import MOST
from dashboards.blocks.marks import Mark, MarkKind
from exporters.html.formatting import escape_controls
from monitor.model import MachineState
from monitor.store.database.database import Connection
from monitor.store.watching.happened import (
    Anew,
    ModelChange,
    RecipeChange,
    Stop,
    baselines_anew,
    has_states,
    model_changes,
    recipe_changes,
    stops,
)

SHORTEST = timedelta(minutes=10)
"""A shorter set-up or stop is part of the work, and nobody looks for it in a graph."""
_LONGEST_NAME = 60
_LONGEST_REASON = 200
_STOPPED = {
    MachineState.SETUP: (MarkKind.SETUP, "was set up"),
    MachineState.DOWN: (MarkKind.DOWN, "was down, for maintenance or by a breakdown"),
}


@dataclass(frozen=True, slots=True)
class Happenings:
    """The marks, how many more there are (of changed recipes only the newest are read), and what is not known."""

    marks: list[Mark]
    older: int
    unknown: list[str]


def happenings(connection: Connection, since: datetime) -> Happenings:
    """What the store knows."""
    recipes, changed = recipe_changes(connection, since, MOST)
    marks = [_changed_model(one) for one in model_changes(connection, since)]
    marks += [_changed_recipe(one) for one in recipes]
    marks += [_stopped(one) for one in stops(connection, since) if one.until - one.at >= SHORTEST]
    marks += [_anew(one) for one in baselines_anew(connection, since)]
    unknown = list(_unknown(has_states(connection), bool(recipes)))
    return Happenings(sorted(marks, key=lambda mark: mark.at), changed - len(recipes), unknown)


def _unknown(states: bool, recipes: bool) -> Iterator[str]:
    if not recipes:
        yield "changed recipes: no machine had parts of two recipes in this time"
    if not states:
        yield "set-ups, maintenance and breakdowns: no source reports what the machines do (kind machine_states)"


def _changed_model(one: ModelChange) -> Mark:
    gate, version = _name(one.gate), _name(one.version)
    if one.back:
        return Mark(MarkKind.ROLLBACK, one.gate, one.at, None, f"{gate}: rolled back to model version {version}")
    return Mark(MarkKind.PROMOTION, one.gate, one.at, None, f"{gate}: model version {version} came into force")


def _changed_recipe(one: RecipeChange) -> Mark:
    text = f"{_name(one.machine)}: recipe {_name(one.before)} → {_name(one.recipe)}"
    return Mark(MarkKind.RECIPE, one.machine, one.at, None, text)


def _stopped(one: Stop) -> Mark:
    kind, said = _STOPPED[one.state]
    return Mark(kind, one.machine, one.at, one.until, f"{_name(one.machine)} {said}")


def _anew(one: Anew) -> Mark:
    what = "its baseline" if one.recipe is None else f"its baseline of recipe {_name(one.recipe)}"
    text = f"{_name(one.machine)}: {what} began anew: {_shown(one.reason, _LONGEST_REASON)}"
    return Mark(MarkKind.ANEW, one.machine, one.at, None, text)


def _name(text: str) -> str:
    return _shown(text, _LONGEST_NAME)


def _shown(text: str, longest: int) -> str:
    """Text of a source or person as HTML on one line, cut where it is long."""
    plain = escape_controls(text)
    return escape(plain if len(plain) <= longest else plain[: longest - 1] + "…")
