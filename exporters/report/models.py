"""Models in the report: which version decided when, what was asked to be retrained, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from exporters.html import Html, chip, table, tag
from exporters.report.lanes import Block, Lane, lanes
from exporters.report.values import GateReport, PlantReport, Retraining, VersionRow
from exporters.report.words import folded, moment, plain, plot
from exporters.words import number, shown


def models_section(report: PlantReport) -> list[Html]:
    """Versions in force over time, requests with their reasons, every version on record."""
    found = [_in_force(report)] if any(gate.forces for gate in report.gates) else []
    requests = [_request(r) for r in report.retrainings]
    return [
        *found,
        tag("h3", "Retraining"),
        table(_REQUESTS, requests, "No retraining was asked for."),
        *(_comparison(r) for r in report.retrainings if r.comparison),
        tag("h3", "Versions on record"),
        table(_VERSIONS, [_version(v) for v in report.versions], "No version was trained yet."),
    ]


def _in_force(report: PlantReport) -> Html:
    rows = [_lane(gate) for gate in report.gates if gate.forces]
    picture = lanes("Model versions in force", "A block for each version that decided.", rows, report.start, report.end)
    turns: list[tuple[str, ...]] = [
        (g.name, f.version, moment(f.start), moment(f.end), str(f.parts)) for g in report.gates for f in g.forces
    ]
    heads = ("Gate", "Version", "First decision (UTC)", "Last decision", "Parts")
    return tag(
        "div", plot("Model versions that decided, by gate", picture), folded("as a table", table(heads, turns, ""))
    )


def _lane(gate: GateReport) -> Lane:
    blocks = tuple(
        Block(f.start, f.end, f"b-version{' odd' if n % 2 else ''}", f"version {f.version}, {f.parts} parts")
        for n, f in enumerate(gate.forces)
    )
    named = ", then ".join(f.version for f in gate.forces)
    return Lane(f"{gate.name}: version {named}", blocks)


_REQUESTS = ("Gate", "Because of", "Asked (UTC)", "", "Reason", "Ended", "Champion", "Challenger")


def _request(r: Retraining) -> tuple[str, ...]:
    models = (r.champion or "-", r.challenger or "-")
    return r.gate, r.cause, moment(r.requested_at), chip(r.state), plain(r.reason), moment(r.finished_at), *models


def _comparison(r: Retraining) -> Html:
    """What the comparison said, number by number, as it stands on record."""
    rows: list[tuple[str, ...]] = [(plain(name), shown(value)) for name, value in _flat(r.comparison)]
    return tag(
        "div",
        tag("h4", f"{r.gate}: challenger {r.challenger or '-'} against champion {r.champion or '-'}"),
        table(("On parts that neither has seen", ""), rows, ""),
        class_="narrow",
    )


def _flat(values: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and any(isinstance(item, Mapping) for item in value.values()):
            yield from ((f"{name}, {inner}", item) for inner, item in value.items())
        else:
            yield name, value


_VERSIONS = ("Gate", "Version", "Trained (UTC)", "Parts", "", "Skill", "R2", "Digest")


def _version(v: VersionRow) -> tuple[str, ...]:
    measured = (number(v.metrics.get("skill")), number(v.metrics.get("r2")))
    return v.gate, v.version, moment(v.trained_at), str(v.rows), chip(v.status), *measured, v.digest[:12]
