"""Evaluates alerts: a pure function with the semantics of Prometheus' alerting rules (2.42, rules/alerting.go).

Prometheus has no hysteresis; the generated rules add it as `or value > clear and ALERTS{alertstate="firing"}`, and
here a firing alert stays active above its clear level in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from alerting.specs.spec import AlertSpec
from monitor.statuses import AlertCondition, AlertStatus

Samples = Mapping[str, Sequence[tuple[Mapping[str, str], float]]]
"""The samples of a scrape of /metrics: labels and value of each, by metric name."""


Highest = Mapping[str, Mapping[str, float]]
"""By alert and subject the highest value that an evaluation compares."""


class Key(NamedTuple):
    """Identifies an alert: its name, condition and subject."""

    alert: str
    condition: str
    subject: str


@dataclass(frozen=True, slots=True)
class AlertState:
    """The state of an open alert: since when it is active, firing, and only kept firing by `keep_firing`.

    `value` and `limit` are from the last evaluation in which it was true; None if its value was absent.
    """

    active_at: datetime
    fired_at: datetime | None = None
    kept_since: datetime | None = None
    value: float | None = None
    limit: float | None = None

    @property
    def state(self) -> AlertStatus:
        """Pending or firing."""
        return AlertStatus.PENDING if self.fired_at is None else AlertStatus.FIRING


States = Mapping[Key, AlertState]


class Result(NamedTuple):
    """Value and limit of a subject for which an alert is true; None if its value is absent."""

    value: float | None
    limit: float | None


class Change(NamedTuple):
    """A change of an alert: `before` is None if it starts, `after` if it is over."""

    key: Key
    before: AlertState | None
    after: AlertState | None


def evaluate(
    specs: Iterable[AlertSpec], samples: Samples, states: States, at: datetime, highest: Highest | None = None
) -> tuple[dict[Key, AlertState], list[Change]]:
    """The states after an evaluation at `at`, and the changes; a new value alone is not a change.

    `highest` is what `highest_values` finds in these samples, if that is known already.
    """
    after: dict[Key, AlertState] = {}
    limits, clears = _by_alert(samples, "gatewatch_alert_limit"), _by_alert(samples, "gatewatch_alert_clear_level")
    specs = list(specs)
    highest = highest_values(specs, samples) if highest is None else highest
    for spec in specs:
        values = highest[spec.name]
        breached = _breached(spec, values, limits.get(spec.name), clears.get(spec.name), states)
        after |= _after(
            Key(spec.name, AlertCondition.BREACH, ""), breached, states, spec.pending_for, spec.keep_firing, at
        )
        if spec.absent_after is not None:
            missing = {subject: Result(None, None) for subject in _expected(spec, samples) if subject not in values}
            after |= _after(
                Key(spec.name, AlertCondition.ABSENT, ""), missing, states, spec.absent_after, timedelta(0), at
            )
    return after, list(_changes(states, after))


def highest_values(specs: Iterable[AlertSpec], samples: Samples) -> Highest:
    """The values that an evaluation compares; a disabled alert's too."""
    index = _SampleIndex(samples)
    return {spec.name: _values(spec, index.matching(spec)) for spec in specs}


def by_key(highest: Highest) -> dict[Key, float]:
    """The values that an evaluation compares, by the key of the alert's breach."""
    return {
        Key(name, AlertCondition.BREACH, subject): value
        for name, values in highest.items()
        for subject, value in values.items()
    }


def _by_alert(samples: Samples, metric: str) -> dict[str, float]:
    return {labels["alert"]: value for labels, value in samples.get(metric, ())}


def _expected(spec: AlertSpec, samples: Samples) -> Iterator[str]:
    for labels, _ in samples.get("gatewatch_alert_expected", ()):
        if labels["alert"] == spec.name:
            yield labels["subject"]


class _SampleIndex:
    """Finds the samples that a spec matches. Specs that match the same labels of a metric share an index."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._indexes: dict[tuple[str, ...], dict[tuple[str, ...], list[tuple[Mapping[str, str], float]]]] = {}

    def matching(self, spec: AlertSpec) -> Sequence[tuple[Mapping[str, str], float]]:
        names = tuple(name for name, _ in spec.match)
        index = self._indexes.get((spec.metric, *names))
        if index is None:
            index = self._indexes[spec.metric, *names] = {}
            for labels, value in self._samples.get(spec.metric, ()):
                # A missing label counts as empty, as in Prometheus.
                index.setdefault(tuple([labels.get(name, "") for name in names]), []).append((labels, value))
        return index.get(tuple(wanted for _, wanted in spec.match), ())


def _values(spec: AlertSpec, matching: Iterable[tuple[Mapping[str, str], float]]) -> dict[str, float]:
    """The highest value of each subject."""
    highest: dict[str, float] = {}
    for labels, value in matching:
        subject = labels.get(spec.by, "")
        highest[subject] = max(value, highest.get(subject, value))
    return highest


def _breached(
    spec: AlertSpec, values: Mapping[str, float], limit: float | None, clear: float | None, states: States
) -> dict[str, Result]:
    return {
        subject: Result(value, limit)
        for subject, value in values.items()
        if is_breach(value, limit, clear, states.get(Key(spec.name, AlertCondition.BREACH, subject)))
    }


def is_breach(value: float, limit: float | None, clear: float | None, before: AlertState | None) -> bool:
    """Whether an alert is true at a value: above its limit, or above its clear level while it fires."""
    held = clear is not None and value > clear and before is not None and before.fired_at is not None
    return (limit is not None and value > limit) or held


def _after(
    alert: Key,
    results: Mapping[str, Result],
    states: States,
    pending_for: timedelta,
    keep_firing: timedelta,
    at: datetime,
) -> dict[Key, AlertState]:
    """The states of one rule after an evaluation, as in rules/alerting.go."""
    before = {key: state for key, state in states.items() if (key.alert, key.condition) == alert[:2]}
    keys = [*(alert._replace(subject=subject) for subject in results), *(k for k in before if k.subject not in results)]
    after = {key: advance(before.get(key), results.get(key.subject), pending_for, keep_firing, at) for key in keys}
    return {key: state for key, state in after.items() if state is not None}


def advance(
    before: AlertState | None, result: Result | None, pending_for: timedelta, keep_firing: timedelta, at: datetime
) -> AlertState | None:
    """The state of one subject after an evaluation; `result` is None where the alert is not true, as the state is."""
    if result is not None:
        active_at, fired_at = (at, None) if before is None else (before.active_at, before.fired_at)
        if fired_at is None and at - active_at >= pending_for:
            fired_at = at
        return AlertState(active_at, fired_at, None, result.value, result.limit)
    if before is not None and before.fired_at is not None and keep_firing > timedelta(0):
        kept_since = before.kept_since or at
        if at - kept_since < keep_firing:
            return replace(before, kept_since=kept_since)
    return None


def _changes(before: States, after: States) -> Iterator[Change]:
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if _times(old) != _times(new):
            yield Change(key, old, new)


def _times(state: AlertState | None) -> tuple[datetime | None, ...] | None:
    return None if state is None else (state.active_at, state.fired_at, state.kept_since)
