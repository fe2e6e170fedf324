"""A backtest over what was recorded fires as the evaluator did at every evaluation, whatever it skips."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import alert_scripts
import pytest
from promtool_kit import STEP, T0, Series, sampled

from alerting.alerts.backtest import Episode, backtest
from alerting.alerts.evaluator import AlertState, Key, by_key, evaluate, highest_values
from alerting.alerts.readings import (
    Known,
    Reading,
    Recorded,
    changed,
    followed,
    known_from,
    row_of,
    whole_is_due,
    whole_row,
)
from alerting.specs.spec import AlertSpec
from monitor.instants import to_micros
from monitor.plant.plant import Plant

_GROWING = {("DataDrift", "age"): timedelta(minutes=7), ("ScrapSurge", "age"): timedelta(seconds=50)}


def _aged(specs: Sequence[AlertSpec], series: Series, instants: Sequence[datetime], seed: int) -> Series:
    """With ages, which fall whenever something came."""
    made = dict(series)
    for spec in specs:
        per = _GROWING.get((spec.name, "age"))
        if per is not None:
            rng, came, values = random.Random(f"{seed} {spec.name}"), T0, []
            for at in instants:
                came = at if rng.random() < 0.03 else came
                values.append((at - came) / per)
            made[spec.metric, tuple(sorted({**dict(spec.match), spec.by: "age"}.items()))] = values
    return made


def _samples(series: Series, n: int) -> Mapping[str, Sequence[tuple[Mapping[str, str], float]]]:
    return {m: rows for m, rows in sampled(series, n).items() if not m.startswith("gatewatch_alert_")}


def _expected(series: Series, n: int) -> dict[Key, float]:
    rows = sampled(series, n).get("gatewatch_alert_expected", ())
    return {Key(labels["alert"], "absent", labels["subject"]): 1.0 for labels, _ in rows}


def _run(
    specs: Sequence[AlertSpec], series: Series, instants: Sequence[datetime]
) -> tuple[list[Recorded], list[Episode]]:
    """What is recorded, with a restart before every evaluation, and what the evaluator fires."""
    rows: list[Recorded] = []
    states: dict[Key, AlertState] = {}
    open_: dict[Key, AlertState] = {}
    episodes: list[Episode] = []
    for n, at in enumerate(instants):
        known = known_from(rows)
        values = by_key(highest_values(specs, _samples(series, n))) | _expected(series, n)
        changes = changed(known.readings, values, _GROWING, at)
        readings = followed(known.readings, changes)
        before = states
        states, changed_states = evaluate(specs, sampled(series, n), states, at)
        if whole_is_due(known, at):
            since = [] if known.whole_at is None else [i for i in instants[:n] if i > known.whole_at]
            rows.append(whole_row(at, readings, before, known, since))
        elif changes or changed_states:
            rows.append(row_of(at, changes))
        episodes += _ended(open_, states, at)
        open_ = {key: state for key, state in states.items() if state.fired_at is not None}
    episodes += _ended(open_, {}, None)
    return rows, sorted(episodes, key=lambda e: (e.fired_at, e[:3]))


def _ended(before: Mapping[Key, AlertState], after: Mapping[Key, AlertState], at: datetime | None) -> Iterator[Episode]:
    for key, state in before.items():
        if key not in after and state.fired_at is not None:
            yield Episode(*key, state.active_at, state.fired_at, at)


def _instants(seed: int, gaps: bool) -> list[datetime]:
    """An evaluation each step and a little late, but for times in which none ran."""
    rng = random.Random(f"{seed} instants")
    at, found = T0, []
    for _ in range(alert_scripts.STEPS):
        at += STEP * (rng.choice((1, 1, 1, 1, 9, 700)) if gaps else 1)
        found.append(at + timedelta(microseconds=rng.randint(0, 900_000)))
    return found


@pytest.mark.parametrize("gaps", [False, True], ids=["at every step", "with gaps"])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.slow
def test_it_fires_as_the_evaluator_did(seed: int, gaps: bool, ties: bool, good_plant: Plant) -> None:
    specs = alert_scripts.specs(good_plant, ties)
    instants = _instants(seed, gaps)
    series = _aged(specs, alert_scripts.scripted(specs, seed), instants, seed)
    rows, fired = _run(specs, series, instants)
    assert len(fired) > 20
    times = [to_micros(at) for at in instants]
    again = backtest(specs, rows, times)
    assert sorted(again, key=lambda e: (e.fired_at, e[:3])) == fired
    assert any(e.subject == "age" for e in fired)


@pytest.mark.slow
def test_it_begins_at_any_whole_row_with_what_was_open_then(good_plant: Plant) -> None:
    specs = alert_scripts.specs(good_plant)
    instants = _instants(3, True)
    rows, fired = _run(specs, alert_scripts.scripted(specs, 3), instants)
    begins = [n for n, row in enumerate(rows) if row.states is not None]
    assert len(begins) > 5
    for n in begins:
        times = [to_micros(at) for at in instants if at >= rows[n].at]
        later = [e for e in fired if e.fired_at >= rows[n].at]
        assert sorted(backtest(specs, rows[n:], times, rows[n].at), key=lambda e: (e.fired_at, e[:3])) == later


@pytest.mark.slow
def test_another_limit_fires_as_the_evaluator_would_have(good_plant: Plant) -> None:
    specs = alert_scripts.specs(good_plant)
    instants = _instants(1, False)
    series = alert_scripts.scripted(specs, 1)
    rows, _ = _run(specs, series, instants)
    changed_specs = [replace(spec, limit=7.5, pending_for=timedelta(minutes=2)) for spec in specs]
    lower = {key: [7.5] * len(v) if key[0] == "gatewatch_alert_limit" else v for key, v in series.items()}
    _, would = _run(changed_specs, lower, instants)
    again = backtest(changed_specs, rows, [to_micros(at) for at in instants])
    assert sorted(again, key=lambda e: (e.fired_at, e[:3])) == would


def test_an_age_and_what_stays_are_written_once() -> None:
    age, flat = Key("DataDrift", "breach", "age"), Key("DataDrift", "breach", "flat")
    known = Known({}, None)
    written = 0
    for n in range(1, 500):
        at = T0 + n * STEP
        values = {age: (at - T0) / timedelta(minutes=7), flat: 0.1}
        changes = changed(known.readings, values, _GROWING, at)
        written += len(changes)
        known = Known(followed(known.readings, changes), T0)
    assert written == 2
    assert isinstance(known.readings[age], Reading)
