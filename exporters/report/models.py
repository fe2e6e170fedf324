"""Models in the report: which version decided when, what was asked to be retrained, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from exporters.html.html import Html, chip, table, tag
from exporters.html.words import number
from exporters.report.lanes import Block, Lane, lanes
from exporters.report.values import Comparison, GateReport, Healed, PlantReport, Retraining, VersionRow
from exporters.report.words import folded, moment, plain, plot


def models_section(report: PlantReport) -> list[Html]:
    """Versions in force over time, requests with their reasons, every version on record."""
    found = [_in_force(report)] if any(gate.forces for gate in report.gates) else []
    requests = [_request(r) for r in report.retrainings]
    return [
        *found,
        tag("h3", "Retraining"),
        table(_REQUESTS, requests, "No retraining was asked for."),
        *(_comparison(r.gate, r.challenger, r.champion, r.comparison) for r in report.retrainings if r.comparison),
        *_healing(report.healed),
        tag("h3", "Versions on record"),
        table(_VERSIONS, [_version(v) for v in report.versions], "No version was trained yet."),
    ]


def _healing(healed: Sequence[Healed]) -> list[Html]:
    if not healed:
        return []
    title = tag("h4", "Mean error by the truth of the simulated plant, of parts that no other fault touched")
    return [title, table(_HEALED, [_healed(h) for h in healed], "")]


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


def _comparison(gate: str, challenger: str, champion: str, c: Comparison) -> Html:
    """What the comparison said: errors of both on all parts, then by slice."""
    rows: list[tuple[str, ...]] = [
        (g.parts_of, str(g.parts), *map(number, (g.champion, g.challenger, g.gain, g.low, g.high))) for g in c.gains
    ]
    covered = " and ".join(map(_covered, (c.champion_coverage, c.challenger_coverage)))
    title = f"{gate}: version {challenger or '-'} against version {champion or '-'}"
    said = f"On parts of {c.lots} lots that neither has seen; {covered} of the outcomes inside the intervals of each."
    return tag("div", tag("h4", title), tag("p", said, class_="muted"), table(_GAINS, rows, ""))


_GAINS = ("Parts of", "Parts", "Error of the champion", "Error of the challenger", "Gain", "At least", "At most")


def _covered(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def _healed(h: Healed) -> tuple[str, ...]:
    ratio = h.healed / h.before if h.healed is not None and h.before else None
    return h.gate, number(h.before), number(h.under), number(h.healed), number(ratio)


_HEALED = ("Gate", "Before the change", "Under it", "With the later version", "Later, times before")


_VERSIONS = ("Gate", "Version", "Trained (UTC)", "Parts", "", "Skill", "R2", "Digest")


def _version(v: VersionRow) -> tuple[str, ...]:
    measured = (number(v.metrics.get("skill")), number(v.metrics.get("r2")))
    return v.gate, v.version, moment(v.trained_at), str(v.rows), chip(v.status), *measured, v.digest[:12]
