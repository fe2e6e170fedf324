"""How long rows must be kept because something still reads them, and what `store.retention` says. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from monitor.plant.gates import ranks
from monitor.plant.plant import Plant
from monitor.plant.running import Retention
from monitor.plant.sources import SourceBase

KEYS = {
    "part_steps": "parts", "readings": "readings", "machine_states": "readings", "outcomes": "outcomes",
    "dispositions": "outcomes",
}  # fmt: skip
"""The key of `store.retention` for the rows of each kind of source."""

_HOUR = timedelta(hours=1)
_MARGIN = timedelta(days=1)
"""A clock that was ahead for a day, or a source whose cursor was set back by one, must not make rows look new."""
_SHARES = timedelta(days=7)
"""How far back the share of refused rows of a source is counted."""
_UNITS = (("d", timedelta(days=1)), ("h", _HOUR), ("m", timedelta(minutes=1)), ("s", timedelta(seconds=1)))


@dataclass(frozen=True, slots=True)
class Need:
    """Rows under a key of `store.retention` are read by `reader`, another key, for `keep` (None: for ever).

    `consequence` is what happens to those that are deleted earlier. `margin` is added when rows are deleted.
    """

    key: str
    reader: str
    keep: timedelta | None
    consequence: str
    margin: timedelta = timedelta(0)


def needs(plant: Plant) -> Iterator[Need]:
    """What the keys of a plant file ask of its retention, the most specific reader of a key first."""
    for name, source in plant.sources.items():
        yield from _of_source(name, source, plant)
    if plant.gates:
        reader, text = (
            "store.retention.decisions",
            "'gatewatch verify' could not recompute decisions whose rows are gone",
        )
        yield Need("parts", reader, plant.store.retention.decisions, text)
    for key in ("settle", "repeat_every", "group_interval"):
        text = "an incident's alerts and notes would be gone before it is over"
        yield Need("findings", f"notify.{key}", getattr(plant.notify, key), text)


def _of_source(name: str, source: SourceBase, plant: Plant) -> Iterator[Need]:
    key, late_by, back = KEYS[source.kind], f"sources.{name}.late_by", source.look_back  # type: ignore[attr-defined]
    again = "rows that old are read again and would count as new"
    compared = back + source.delay + 2 * source.every + plant.reconcile.reach + _HOUR
    gap = f"rows of source {name!r} that old are still compared with the store and would be missing"
    for kept in (key, "quarantine"):
        yield Need(kept, late_by, back, again, _MARGIN)
        yield Need(kept, "reconcile.back", compared, gap, _MARGIN)
    if source.kind == "readings":  # type: ignore[attr-defined]
        text = "a late row would begin its window anew"
        yield Need("windows", late_by, back + plant.store.window, text)


def problems(plant: Plant) -> list[tuple[tuple[str, ...], str]]:
    """Each key of the retention that is shorter than a reader needs, as (path of keys, sentence)."""
    found: dict[str, str] = {}
    asked = list(needs(plant))
    for need in asked:
        keep = getattr(plant.store.retention, need.key)
        if need.key not in found and _is_shorter(keep, need.keep):
            enough = _longest([n.keep for n in asked if n.key == need.key])
            longer = "an empty value, which keeps them for ever" if enough is None else f"at least {_text(enough)}"
            asks = "kept for ever" if need.keep is None else _text(need.keep)
            found[need.key] = (
                f"{_text(keep)} is shorter than {need.reader} needs ({asks}): {need.consequence}; expected {longer}"
            )
    return [(("store", "retention", key), sentence) for key, sentence in found.items()]


def effective(plant: Plant) -> Retention:
    """How long rows are kept: as the file says, but never shorter than something still reads them."""
    asked = [(need.key, None if need.keep is None else need.keep + need.margin) for need in needs(plant)]
    asked += [*_used_by_gates(plant), ("job_runs", _SHARES)]
    kept = {key: _longest([keep, *(k for name, k in asked if name == key)]) for key, keep in plant.store.retention}
    return plant.store.retention.model_copy(update=kept)


def kept_longer(plant: Plant) -> dict[str, timedelta]:
    """By gate how much longer than others its decisions are kept: those that a kept decision of another gate rests on.

    What a gate predicted is an input of the gates that use it, and so on, each up to its step's `max_age` later.
    """
    longer: dict[str, timedelta] = {}
    rank = ranks(plant.gates)
    for name in sorted(plant.gates, key=lambda name: -rank[name]):
        for earlier in plant.gates[name].earlier:
            needed = longer.get(name, timedelta(0)) + plant.steps[earlier.step].max_age
            longer[earlier.gate] = max(needed, longer.get(earlier.gate, needed))
    return longer


def _used_by_gates(plant: Plant) -> Iterator[tuple[str, timedelta | None]]:
    """Part steps that a gate may use: passages of earlier steps, also for decisions that are kept."""
    longer = kept_longer(plant)
    ages = [
        plant.steps[step].max_age + longer.get(name, timedelta(0))
        for name, gate in plant.gates.items()
        for step in gate.input_steps() - {gate.step}
        if step in plant.steps
    ]
    ages += longer.values()
    if ages:
        decisions = plant.store.retention.decisions
        yield "parts", max(ages)
        yield "parts", None if decisions is None else decisions + max(ages)


def _is_shorter(keep: timedelta | None, needed: timedelta | None) -> bool:
    return keep is not None and (needed is None or keep < needed)


def _longest(keeps: list[timedelta | None]) -> timedelta | None:
    known = [keep for keep in keeps if keep is not None]
    return max(known) if len(known) == len(keeps) else None


def _text(value: timedelta) -> str:
    """In the notation of the plant file.

    >>> _text(timedelta(days=2, hours=1)), _text(timedelta(minutes=5)), _text(timedelta(milliseconds=1500))
    ('2d1h', '5m', '1.5s')
    """
    parts = []
    for unit, size in _UNITS[:-1]:
        if value >= size:
            parts.append(f"{value // size}{unit}")
            value %= size
    return "".join(parts) + (f"{value.total_seconds():g}s" if value or not parts else "")
