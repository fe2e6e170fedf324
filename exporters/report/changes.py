"""What changed since the last report, on top of it: a line for each kind of change, each leading to its section."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from exporters.html.formatting import money
from exporters.html.html import Html, tag
from exporters.report.elements import moment


class ModelChange(NamedTuple):
    """A gate that decides by another model version than before; `before` is '' where there was none."""

    gate: str
    before: str
    after: str
    at: datetime


class DriftBegun(NamedTuple):
    """A step whose data began to drift, and the features behind it, worst first."""

    step: str
    at: datetime
    causes: tuple[str, ...] = ()


class Changes(NamedTuple):
    """What is different at the end of a period: numbers of alerts and retrainings, models, drift, cost avoided.

    `standing` counts the alerts that fire at its end, `requested` the retrainings that were requested in it, `promoted`
    those of which the challenger came into force. `avoided` is of the months that the period touches, None where no
    gate has costs; `avoided_more` how much more that is than in the last report, None where there is none.
    """

    opened: int = 0
    closed: int = 0
    standing: int = 0
    models: tuple[ModelChange, ...] = ()
    drifted: tuple[DriftBegun, ...] = ()
    requested: int = 0
    promoted: int = 0
    avoided: float | None = None
    avoided_more: float | None = None


def changes_section(changes: Changes, currency: str) -> list[Html]:
    """The lines, of which those without a change are muted."""
    lines = [
        ("alerts", "Alerts", f"{changes.opened} opened, {changes.closed} closed, {changes.standing} standing", ()),
        ("models", "Gates whose model changed", "", map(_model, changes.models)),
        ("drift", "Steps that began to drift", "", map(_drift, changes.drifted)),
        ("models", "Retrainings", f"{changes.requested} requested, {changes.promoted} promoted", ()),
    ]
    if changes.avoided is not None:
        more = "" if changes.avoided_more is None else f", of it since the last report {_signed(changes, currency)}"
        lines.append(("savings", "Cost avoided in these months", f"{money(changes.avoided, currency)}{more}", ()))
    return [tag("dl", *(cell for line in lines for cell in _line(*line)), class_="changes")]


def _signed(changes: Changes, currency: str) -> str:
    more = changes.avoided_more or 0.0
    return f"{'+' if more > 0 else ''}{money(more, currency)}"


def _line(section: str, name: str, text: str, found: Iterable[Html]) -> tuple[Html, Html]:
    parts = list(found)
    value = [tag("span", text)] if text else parts or [tag("span", "none", class_="muted")]
    return tag("dt", tag("a", name, href=f"#{section}")), tag("dd", *value)


def _model(change: ModelChange) -> Html:
    versions = f"version {change.after}, before {change.before or 'none'}"
    return tag("p", f"{change.gate}: {versions}, since ", moment(change.at))


def _drift(begun: DriftBegun) -> Html:
    causes = f" ({', '.join(begun.causes[:3])})" if begun.causes else ""
    return tag("p", f"{begun.step}{causes}, since ", moment(begun.at))
