"""Series of values, one a step, told to the embedded evaluator and to Prometheus' `promtool test rules`."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerting.alerts.evaluator import AlertState, Key, States, evaluate
from alerting.alerts.in_force import team_of
from alerting.alerts.rules import rule_file
from alerting.specs.spec import AlertSpec

T0 = datetime(2026, 3, 2, 6, tzinfo=UTC)
STEP = timedelta(minutes=1)
"""Prometheus forgets a sample after five minutes, so a step must be shorter."""
WHERE = {"job": "gatewatch", "instance": "one"}

Values = Sequence[float | None]
Labels = tuple[tuple[str, str], ...]
Series = dict[tuple[str, Labels], Values]
"""A value a step (None: not there), by metric and labels."""
Told = dict[tuple[str, str, str], str]
"""Pending or firing, by alert, condition and subject."""


def tool(name: str) -> str:
    """The path of a program of Prometheus; skips where it is not there."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on PATH (Debian: apt-get install prometheus prometheus-alertmanager)")
    return found


def labels(**given: str) -> Labels:
    """Labels as a key."""
    return tuple(sorted(given.items()))


def series_of(spec: AlertSpec, subject: str, values: Values, **more: str) -> Series:
    """The value of one subject."""
    return {(spec.metric, labels(**(dict(spec.match) | {spec.by: subject} | more))): values}


def limits_of(specs: Iterable[AlertSpec], steps: int, expected: Mapping[str, Iterable[str]] | None = None) -> Series:
    """What Gatewatch tells of its alerts, at every step."""
    made: Series = {}
    for spec in specs:
        made["gatewatch_alert_limit", labels(alert=spec.name)] = [spec.limit] * steps
        made["gatewatch_alert_clear_level", labels(alert=spec.name)] = [spec.clear] * steps
        for subject in (expected or {}).get(spec.name, ()):
            made["gatewatch_alert_expected", labels(alert=spec.name, subject=subject)] = [1.0] * steps
    return made


def sampled(series: Series, step: int) -> dict[str, list[tuple[Mapping[str, str], float]]]:
    """What a scrape shows at a step."""
    found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for (metric, given), values in series.items():
        value = values[step]
        if value is not None:
            found.setdefault(metric, []).append((dict(given), value))
    return found


def embedded(specs: Sequence[AlertSpec], series: Series, steps: int, step: timedelta = STEP) -> Iterator[Told]:
    """What the embedded evaluator says at each step."""
    states: States = {}
    for n in range(steps):
        states, _ = evaluate(specs, sampled(series, n), states, T0 + n * step)
        yield told(states)


def told(states: Mapping[Key, AlertState]) -> Told:
    """The states without their times."""
    return {tuple(key): state.state for key, state in states.items()}  # type: ignore[misc]


def promtool_says_the_same(
    specs: Sequence[AlertSpec],
    series: Series,
    said: Sequence[Told],
    folder: Path,
    scale: float = 1.0,
    pending: bool = True,
) -> None:
    """Fails where promtool, on the same series under the generated rules, tells other alerts at any step.

    Without `pending` only those that fire are compared.
    """
    by_name = {spec.name: spec for spec in specs}
    asked = "ALERTS" if pending else 'ALERTS{alertstate="firing"}'
    tests = [
        {"expr": asked, "eval_time": _at(n), "exp_samples": [_sample(by_name, key, s) for key, s in at.items()]}
        for n, at in enumerate(said)
    ]
    run_promtool(specs, series, {"promql_expr_test": tests}, folder, scale)


def run_promtool(
    specs: Sequence[AlertSpec], series: Series, tests: Mapping[str, Any], folder: Path, scale: float = 1.0
) -> None:
    """Let `promtool test rules` judge; fails with what it says."""
    inputs = [{"series": _name(m, given), "values": _values(values)} for (m, given), values in series.items()]
    test = {"interval": "1m", "input_series": inputs, **tests}
    (folder / "alerts.rules.yml").write_text(rule_file(specs, scale=scale, interval=STEP))
    whole = {"rule_files": ["alerts.rules.yml"], "evaluation_interval": "1m", "tests": [test]}
    (folder / "test.yml").write_text(yaml.dump(whole, Dumper=yaml.CSafeDumper, width=10**6))
    done = subprocess.run(
        [tool("promtool"), "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]


def _at(step: int) -> str:
    return f"{step}m"


def _sample(by_name: Mapping[str, AlertSpec], key: tuple[str, str, str], state: str) -> dict[str, Any]:
    spec = by_name[key[0]]
    found = {"alertname": key[0], "alertstate": state, "condition": key[1], "subject": key[2], **WHERE}
    team = team_of(spec, key[2])
    return {"labels": _name("ALERTS", labels(**found, severity=spec.severity, team=team)), "value": 1}


def _name(metric: str, given: Labels) -> str:
    where = {} if metric == "ALERTS" else WHERE
    inside = ", ".join(f'{name}="{value}"' for name, value in (dict(given) | where).items())
    return f"{metric}{{{inside}}}"


def _values(values: Values) -> str:
    # A series that ends is told so, as a scrape without it does; before its first value there is nothing to end.
    words, begun = [], False
    for value in values:
        words.append(repr(float(value)) if value is not None else "stale" if begun else "_")
        begun = begun or value is not None
    return " ".join(words)
