"""What the gate with costs is estimated to have saved, from what a plant knows, beside the truth of the same parts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from inference.policy.costs import Costs
from monitor.demo.costs import ActedPart, acted_parts, cheapest, gate_of
from monitor.demo.truth import time_of
from monitor.model import JsonObject, Verdict
from monitor.plant.gates import GateConfig
from monitor.plant.plant import Plant
from monitor.store.database.database import Connection, Store
from monitor.store.report.savings import keep_savings, month_of, months_of, read_savings, stored_savings
from monitor.store.rows.decisions import StoredDecision
from monitor.store.rows.outcomes import dispositions_of_parts, outcomes_of

_AT_ALL = timedelta(microseconds=1)
"""The end of a period is no part of it."""


def sum_up_savings(store: Store, plant: Plant, start: datetime, end: datetime) -> None:
    """Store what is known of every month at the end, so that all that tells of it tells the same."""
    found = read_savings(store, plant, lambda _, gate: plant.gates[gate].priced(), months_of(start, end), end)
    with store.write() as connection:
        keep_savings(connection, found)


def savings_by_truth(
    store: Store, plant: Plant, truth: JsonObject, decisions: Sequence[StoredDecision], now: datetime
) -> list[JsonObject]:
    """By month the cost avoided as it is stored, with its interval, and as it was.

    The truth is of the parts of which a plant knows all by `now`, as the estimate is: a part waits until its
    disposition is known, and a corrected one until it is measured again.
    """
    name, config = gate_of(plant)
    costs = config.priced()
    passed: dict[str, datetime] = {}
    for one in sorted((d for d in decisions if d.gate == name), key=lambda d: d.at):
        passed.setdefault(one.serial, one.at)
    if costs is None or not passed:
        return []
    with store.read() as connection:
        found = stored_savings(connection, plant, min(passed.values()), max(passed.values()) + _AT_ALL).gates
        known = _known(connection, truth["operator"], config, now)
    parts = {serial: part for serial, part in acted_parts(plant, truth).items() if serial in known}
    return [
        {
            "month": f"{one.month:%Y-%m}", "parts": one.parts, "waiting": one.waiting, "estimate": round(one.avoided),
            "lower": round(one.lower), "upper": round(one.upper),
            "true": round(sum(_avoided(parts, passed, one.month, costs))),
        }
        for one in found
        if one.gate == name and one.parts
    ]  # fmt: skip


def _known(
    connection: Connection, acts: Mapping[str, JsonObject], config: GateConfig, now: datetime
) -> Collection[str]:
    """The parts of which a plant knows by now what was done and, of corrected ones, how they turned out."""
    words = {one.serial for one in dispositions_of_parts(connection, list(acts)) if one.step == config.step}
    measured: dict[str, datetime] = {}
    for row in outcomes_of(connection, list(acts)):
        if row.characteristic == config.characteristic and row.available_at <= now:
            measured[row.serial] = max(row.at, measured.get(row.serial, row.at))
    return {
        serial
        for serial, act in acts.items()
        if act["did"] == "went_on"
        or (serial in words and (act["did"] != "reworked" or _later(measured.get(serial), act)))
    }


def _later(measured: datetime | None, act: JsonObject) -> bool:
    return measured is not None and measured > time_of(act["at"])


def _avoided(
    parts: Mapping[str, ActedPart], passed: Mapping[str, datetime], month: datetime, costs: Costs
) -> Iterator[float]:
    """Of each part of a month: without the gate it would have gone on as it came."""
    for serial, part in parts.items():
        if month_of(passed[serial]) != month:
            continue
        spent = costs.inspection if part.did["inspected"] is not None else 0.0
        if part.went_on:
            yield -spent
            continue
        came = costs.escape * (part.then is not Verdict.CONTINUE)
        if part.did["did"] == "scrapped":
            yield came - spent - costs.scrap
        else:
            tried = costs.corrections.get(part.did["correction"]) or cheapest(costs)
            yield came - spent - tried.cost - (0.0 if part.inside else costs.escape)
