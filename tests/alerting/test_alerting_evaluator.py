"""One step of the evaluation, against a plain transcription of Prometheus' rules/alerting.go, and its laws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from promtool_kit import T0, limits_of, sampled, series_of

from alerting.alerts.evaluator import AlertState, Change, Key, States, evaluate
from alerting.specs.roster import BY_NAME
from alerting.specs.spec import AlertSpec

LIMIT, CLEAR = 10.0, 6.0
VALUES = st.lists(st.sampled_from([None, 5.0, CLEAR, 8.0, LIMIT, 12.0]), min_size=1, max_size=40)
WAITS = st.integers(0, 4).map(lambda n: timedelta(minutes=n))
KEY = Key("DataDrift", "breach", "it")


@dataclass
class Alert:
    """An alert as Prometheus keeps it; `state` is inactive, pending or firing."""

    state: str
    active_at: datetime
    keep_since: datetime | None = None


def transcribed(active: dict[str, Alert], true: bool, ts: datetime, hold: timedelta, keep_for: timedelta) -> None:
    """AlertingRule.Eval of Prometheus 2.42 for one label set, line by line."""
    if true and not ("it" in active and active["it"].state != "inactive"):
        active["it"] = Alert("pending", ts)
    for name, alert in list(active.items()):
        if not true:
            keep_firing = False
            if alert.state == "firing" and keep_for > timedelta(0):
                if alert.keep_since is None:
                    alert.keep_since = ts
                keep_firing = ts - alert.keep_since < keep_for
            if alert.state == "pending":
                del active[name]
            if alert.state != "inactive" and not keep_firing:
                alert.state = "inactive"
            if not keep_firing:
                continue
        else:
            alert.keep_since = None
        if alert.state == "pending" and ts - alert.active_at >= hold:
            alert.state = "firing"


def spec_with(pending_for: timedelta, keep_firing: timedelta) -> AlertSpec:
    return replace(BY_NAME["DataDrift"], limit=LIMIT, clear=CLEAR, pending_for=pending_for, keep_firing=keep_firing)


@settings(max_examples=300, deadline=None)
@given(VALUES, WAITS, WAITS, st.lists(st.integers(1, 3), min_size=40, max_size=40))
@pytest.mark.slow
def test_it_steps_as_prometheus_does(
    values: list[float | None], wait: timedelta, keep: timedelta, gaps: list[int]
) -> None:
    spec = spec_with(wait, keep)
    series = series_of(spec, "it", values) | limits_of([spec], len(values))
    states: States = {}
    active: dict[str, Alert] = {}
    at = T0
    for n, value in enumerate(values):
        at += timedelta(minutes=gaps[n])
        firing = "it" in active and active["it"].state == "firing"
        true = value is not None and (value > LIMIT or (value > CLEAR and firing))
        transcribed(active, true, at, wait, keep)
        states, _ = evaluate([spec], sampled(series, n), states, at)
        theirs = active.get("it")
        ours = states.get(KEY)
        assert (ours.state if ours else "inactive") == (theirs.state if theirs else "inactive")
        if ours is not None and theirs is not None:
            assert (ours.active_at, ours.kept_since) == (theirs.active_at, theirs.keep_since)


@settings(max_examples=100, deadline=None)
@given(VALUES, WAITS, WAITS)
@pytest.mark.slow
def test_the_changes_are_all_that_differs_and_a_second_look_changes_nothing(
    values: list[float | None], wait: timedelta, keep: timedelta
) -> None:
    spec = spec_with(wait, keep)
    series = series_of(spec, "it", values) | limits_of([spec], len(values))
    states: dict[Key, AlertState] = {}
    kept: dict[Key, AlertState] = {}
    for n in range(len(values)):
        at = T0 + timedelta(minutes=n)
        states, changes = evaluate([spec], sampled(series, n), states, at)
        for key, _, after in changes:
            if after is None:
                del kept[key]
            else:
                kept[key] = after
        marks = {key: (s.active_at, s.fired_at, s.kept_since) for key, s in states.items()}
        assert {key: (s.active_at, s.fired_at, s.kept_since) for key, s in kept.items()} == marks
        assert evaluate([spec], sampled(series, n), states, at) == (states, [])


@settings(max_examples=100, deadline=None)
@given(VALUES, WAITS, WAITS)
def test_it_never_fires_sooner_than_it_was_above_for_its_whole_wait(
    values: list[float | None], wait: timedelta, keep: timedelta
) -> None:
    spec = spec_with(wait, keep)
    series = series_of(spec, "it", values) | limits_of([spec], len(values))
    states: dict[Key, AlertState] = {}
    for n in range(len(values)):
        before = states
        states, _ = evaluate([spec], sampled(series, n), states, T0 + timedelta(minutes=n))
        fires = KEY in states and states[KEY].fired_at is not None
        if fires and not (KEY in before and before[KEY].fired_at is not None):
            last = values[n - round(wait / timedelta(minutes=1)) : n + 1]
            assert all(value is not None and value > LIMIT for value in last)


def test_the_highest_value_of_a_subject_counts_and_other_labels_do_not() -> None:
    spec = spec_with(timedelta(0), timedelta(0))
    low, high = series_of(spec, "it", [1.0], step="a"), series_of(spec, "it", [12.0], step="b")
    other = {(spec.metric, tuple((k, "limits" if k == "detector" else v) for k, v in key)): [99.0]
             for _, key in series_of(spec, "other", [1.0])}  # fmt: skip
    samples = sampled(low | high | other | limits_of([spec], 1), 0)
    states, _ = evaluate([spec], samples, {}, T0)
    assert {key: state.value for key, state in states.items()} == {KEY: 12.0}


@pytest.mark.parametrize("values", [(12.0, 11.0), (11.0, 12.0)], ids=["the higher first", "the lower first"])
def test_the_highest_value_counts_in_whatever_order_the_samples_come(values: tuple[float, float]) -> None:
    spec = spec_with(timedelta(0), timedelta(0))
    first, second = (series_of(spec, "it", [value], step=step) for value, step in zip(values, "ab", strict=True))
    states, _ = evaluate([spec], sampled(first | second | limits_of([spec], 1), 0), {}, T0)
    assert {key: (state.value, state.limit) for key, state in states.items()} == {KEY: (12.0, LIMIT)}


def test_a_label_that_a_sample_lacks_counts_as_empty() -> None:
    spec = replace(spec_with(timedelta(0), timedelta(0)), match=(("feature", ""),))
    samples = sampled({(spec.metric, ()): [12.0]} | limits_of([spec], 1), 0)
    assert set(evaluate([spec], samples, {}, T0)[0]) == {KEY._replace(subject="")}


def test_a_firing_alert_keeps_the_times_since_which_it_is_active_and_firing() -> None:
    spec = spec_with(timedelta(minutes=1), timedelta(0))
    series = series_of(spec, "it", [12.0, 11.0, 13.0, 14.0]) | limits_of([spec], 4)
    states: States = {}
    changes: list[Change] = []
    for n in range(4):
        states, new = evaluate([spec], sampled(series, n), states, T0 + timedelta(minutes=n))
        changes += new
    fired = T0 + timedelta(minutes=1)
    assert states == {KEY: AlertState(T0, fired, None, 14.0, LIMIT)}
    pending = AlertState(T0, None, None, 12.0, LIMIT)
    assert changes == [Change(KEY, None, pending), Change(KEY, pending, AlertState(T0, fired, None, 11.0, LIMIT))]


def test_every_spec_has_alerts_of_its_own_breached_or_absent() -> None:
    given: dict[str, Any] = {"limit": LIMIT, "clear": CLEAR, "pending_for": timedelta(0), "absent_after": timedelta(0)}
    drift, model = (replace(BY_NAME[name], **given) for name in ("DataDrift", "ModelDegraded"))
    expected = {"DataDrift": ["away"], "ModelDegraded": ["away"]}
    series = series_of(drift, "it", [12.0]) | series_of(model, "it", [12.0]) | limits_of([drift, model], 1, expected)
    assert set(evaluate([drift, model], sampled(series, 0), {}, T0)[0]) == {
        Key(name, *alert) for name in ("DataDrift", "ModelDegraded") for alert in (("breach", "it"), ("absent", "away"))
    }


def test_without_a_limit_nothing_begins_and_a_spec_that_is_gone_ends_its_alerts() -> None:
    spec = spec_with(timedelta(0), timedelta(0))
    series = series_of(spec, "it", [12.0])
    assert evaluate([spec], sampled(series, 0), {}, T0) == ({}, [])
    states, _ = evaluate([spec], sampled(series | limits_of([spec], 1), 0), {}, T0)
    after, changes = evaluate([], sampled(series, 0), states, T0 + timedelta(minutes=1))
    assert after == {}
    assert [(change.key, change.after) for change in changes] == [(KEY, None)]


ABSENCE = Key("ModelDegraded", "absent", "it")
# One letter a minute: p pending, f firing, . nothing.
ABSENT_CASES = {
    "absent at once without a wait": (0, 0, [None, None], "ff"),
    "absent once it was away for the whole wait": (2, 0, [None, None, None, None], "ppff"),
    "a value before the wait is over begins it anew": (2, 0, [None, None, 1.0, None, None, None], "pp.ppf"),
    "back is over": (1, 0, [None, None, 1.0, 1.0], "pf.."),
    "back is over though a breach is kept firing": (1, 5, [None, None, 1.0, 1.0], "pf.."),
    "back above the limit is over too": (1, 5, [None, None, 12.0, 12.0], "pf.."),
    "away again waits again": (1, 5, [None, None, 1.0, None, None], "pf.pf"),
}


@pytest.mark.parametrize(("wait", "keep", "values", "said"), ABSENT_CASES.values(), ids=ABSENT_CASES)
def test_what_is_expected_and_absent(wait: int, keep: int, values: list[float | None], said: str) -> None:
    """Absence knows no keep_firing, as the generated rules say: a value that is there ends it."""
    spec = replace(
        BY_NAME["ModelDegraded"], limit=LIMIT, clear=CLEAR, pending_for=timedelta(0),
        keep_firing=timedelta(minutes=keep), absent_after=timedelta(minutes=wait),
    )  # fmt: skip
    series = series_of(spec, "it", values) | limits_of([spec], len(values), {spec.name: ["it"]})
    states: States = {}
    found = ""
    for n in range(len(values)):
        states, _ = evaluate([spec], sampled(series, n), states, T0 + timedelta(minutes=n))
        found += states[ABSENCE].state[0] if ABSENCE in states else "."
    assert found == said


def test_nothing_is_absent_where_nothing_is_expected_or_no_absence_is_told() -> None:
    spec = replace(BY_NAME["ModelDegraded"], limit=LIMIT, clear=CLEAR, absent_after=timedelta(0))
    assert evaluate([spec], sampled(limits_of([spec], 1), 0), {}, T0)[0] == {}
    other = replace(spec, absent_after=None)
    expected = limits_of([spec], 1, {spec.name: ["it"]})
    assert evaluate([other], sampled(expected, 0), {}, T0)[0] == {}
    assert set(evaluate([spec], sampled(expected, 0), {}, T0)[0]) == {ABSENCE}
