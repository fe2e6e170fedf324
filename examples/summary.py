"""What came of a run, read from its store: gates and their realised error, drift, alerts, retraining."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from examples import classes, coverage
from inference.models.fitting import NAIVE_WINDOW
from inference.policy.regions import verdict_for
from monitor.model import WATCHDOG, ReworkBand, Verdict
from monitor.plant.plant import Plant
from monitor.store.database import tables as t

_SHOWN = 12


def lines(connection: sa.Connection, plant: Plant) -> Iterator[str]:
    """The whole summary, a line each."""
    yield from _rows(connection)
    for gate in plant.gates:
        yield from _gate(connection, plant, gate)
    yield from _machines(connection)
    yield from _drift(connection)
    yield from _alerts(connection)
    yield from _retraining(connection)


def realised(connection: sa.Connection, gate: str, characteristic: str) -> pd.DataFrame:
    """Each predicted part of a gate that has an outcome: value, predicted, naive, lower, upper, by time of decision.

    `naive` is the median of the last outcomes that were available when the gate decided, as the product has it.
    """
    d, o = t.decision.c, t.outcome.c
    known = pd.DataFrame(
        connection.execute(
            sa.select(o.serial, o.value, o.available_at)
            .where(o.characteristic == characteristic, o.value.is_not(None))
            .order_by(o.available_at, o.arrival)
        ).all(),
        columns=["serial", "value", "available_at"],
    )
    asked = sa.select(d.serial, d.predicted, d.lower, d.upper, d.verdict, d.reason, d.decided_at).where(d.gate == gate)
    made = pd.DataFrame(
        connection.execute(asked.where(d.predicted.is_not(None)).order_by(d.decided_at, d.arrival)).all(),
        columns=["serial", "predicted", "lower", "upper", "verdict", "reason", "decided_at"],
    )
    found = made.merge(known.drop_duplicates("serial", keep="last"), on="serial")
    seen = np.searchsorted(known["available_at"].to_numpy(), found["decided_at"].to_numpy(), side="right")
    values = known["value"].to_numpy(dtype=float)
    naive = [float(np.median(values[max(0, n - NAIVE_WINDOW) : n])) if n else np.nan for n in seen]
    return found.assign(naive=naive)


def _rows(connection: sa.Connection) -> Iterator[str]:
    counts = [
        f"{table.name} {connection.scalar(sa.select(sa.func.count()).select_from(table))}"
        for table in (t.part_step, t.reading, t.outcome, t.decision, t.finding, t.quarantine)
    ]
    yield f"rows: {', '.join(counts)}"


def _gate(connection: sa.Connection, plant: Plant, gate: str) -> Iterator[str]:
    d = t.decision.c
    counted = sa.select(d.verdict, d.reason, sa.func.count()).where(d.gate == gate).group_by(d.verdict, d.reason)
    verdicts = sorted(connection.execute(counted).all(), key=lambda row: -row[2])
    config = plant.gates[gate]
    yield f"gate {gate} ({config.characteristic}): " + ", ".join(f"{v} {r} {n}" for v, r, n in verdicts)
    v = t.model_version.c
    for row in connection.execute(sa.select(t.model_version).where(v.gate == gate).order_by(v.trained_at, v.version)):
        skill = row.metrics.get("skill", float("nan"))
        trained = f"{row.trained_at:%Y-%m-%d %H:%M} on {row.rows} parts"
        yield f"  version {row.version}, trained {trained}, skill {skill:.2f}, {row.status}"
    spec = plant.classes_of(config)
    if spec is not None:
        yield from classes.lines(connection, gate, config.characteristic, spec)
        return
    yield f"  realised: {_error(realised(connection, gate, config.characteristic))}"
    yield f"  last two thirds: {_decided(connection, plant, gate)}"
    yield from (f"  {line}" for line in coverage.lines(connection, gate, config))


def _error(found: pd.DataFrame) -> str:
    if found.empty:
        return "no part was predicted and measured"
    error, naive = (found["predicted"] - found["value"]), (found["naive"] - found["value"]).abs()
    covered = ((found["value"] >= found["lower"]) & (found["value"] <= found["upper"])).mean()
    return (
        f"{len(found)} parts, error {error.abs().mean():.4g} (running median {naive.mean():.4g}), "
        f"bias {error.mean():+.4g}, in the interval {covered:.0%}"
    )


def _decided(connection: sa.Connection, plant: Plant, gate: str) -> str:
    """Of the last two thirds of a gate's decisions: how many parts continue, how many of these were right.

    And how often the intervals that could decide without a model held.
    """
    d, o, characteristic = t.decision.c, t.outcome.c, plant.gates[gate].characteristic
    known = sa.select(o.serial, o.value).where(o.characteristic == characteristic, o.value.is_not(None))
    values = {row.serial: row.value for row in connection.execute(known.order_by(o.available_at, o.arrival))}
    query = sa.select(d.serial, d.verdict, d.at, d.forecast).where(d.gate == gate).order_by(d.at, d.arrival)
    rows = connection.execute(query).all()
    rows = rows[len(rows) // 3 :]
    passed = [row for row in rows if row.verdict == Verdict.CONTINUE]
    right = [_in_spec(plant, characteristic, row.at, values[row.serial]) for row in passed if row.serial in values]
    covered = [
        row.forecast["lower"] <= values[row.serial] <= row.forecast["upper"]
        for row in rows
        if row.forecast is not None and row.serial in values
    ]
    shares = _share(len(passed), len(rows)), _share(sum(right), len(right)), _share(sum(covered), len(covered))
    return (
        f"{shares[0]} of {len(rows)} parts continue, {shares[1]} of these right; "
        f"{len(covered)} forecasts, in the interval {shares[2]}"
    )


def _in_spec(plant: Plant, characteristic: str, at: datetime, value: float) -> bool:
    spec = plant.characteristics[characteristic].spec_at(at)
    return spec is not None and verdict_for(value, spec, ReworkBand()) is Verdict.CONTINUE


def _share(count: int, of: int) -> str:
    return f"{count / of:.1%}" if of else "none"


def _machines(connection: sa.Connection) -> Iterator[str]:
    f = t.finding.c
    query = sa.select(f.detector, f.method, sa.func.count(), sa.func.count(f.subject.distinct())).where(
        f.status == "breach", f.detector.in_(("anomaly", "limits"))
    )
    for detector, method, count, subjects in connection.execute(query.group_by(f.detector, f.method)):
        yield f"machines: {detector}.{method} {count} breaches at {subjects} subjects"


def _drift(connection: sa.Connection) -> Iterator[str]:
    f = t.finding.c
    query = (
        sa.select(f.detector, f.step, sa.func.min(f.at), sa.func.count())
        .where(
            f.detector.in_(("drift", "image_drift")), f.method == "worst_ratio", f.feature == "", f.status == "breach"
        )
        .group_by(f.detector, f.step)
        .order_by(f.step)
    )
    found = connection.execute(query).all()
    for detector, step, first, count in found:
        b = t.board.c
        now = connection.execute(
            sa.select(b.value, b.causes).where(b.detector == detector, b.subject == step, b.method == "worst_ratio")
        ).first()
        last = (
            f", at the end {now.value:.3g} times its limit by {', '.join(now.causes[:3])}" if now and now.value else ""
        )
        yield f"{detector} at {step}: {count} times above its limit, first {first:%Y-%m-%d %H:%M}{last}"
    if not found:
        yield "drift: none"


def _alerts(connection: sa.Connection) -> Iterator[str]:
    a = t.alert.c
    rows = connection.execute(sa.select(t.alert).where(a.fired_at.is_not(None), a.name != WATCHDOG)).all()
    by_name: dict[str, list[Any]] = {}
    for row in rows:
        by_name.setdefault(row.name, []).append(row)
    for name, episodes in sorted(by_name.items()):
        open_ = sum(row.ended_at is None for row in episodes)
        yield f"alert {name}: {len(episodes)} times, {open_} at the end; {_subjects(episodes)}"
    if not rows:
        yield "alerts: none"


def _subjects(rows: Sequence[Any]) -> str:
    first: dict[str, datetime] = {}
    for row in sorted(rows, key=lambda row: row.fired_at):
        first.setdefault(row.subject, row.fired_at)
    told = [f"{subject or 'plant'} from {at:%m-%d %H:%M}" for subject, at in list(first.items())[:_SHOWN]]
    return ", ".join(told) + (f" and {len(first) - _SHOWN} more" if len(first) > _SHOWN else "")


def _retraining(connection: sa.Connection) -> Iterator[str]:
    r = t.retraining.c
    group = (r.gate, r.cause, r.state, r.reason)
    query = (
        sa.select(*group, sa.func.min(r.requested_at), sa.func.count()).group_by(*group).order_by(r.gate, sa.text("5"))
    )
    rows = connection.execute(query).all()
    for gate, cause, state, reason, first, count in rows:
        yield f"retraining of {gate} by {cause}: {state}, {reason}, {count} times, first {first:%Y-%m-%d %H:%M}"
    if not rows:
        yield "retraining: none asked for"
