"""Models in the report: versions in force, retrainings and their results."""

from __future__ import annotations

from collections.abc import Sequence

from exporters.html.formatting import number
from exporters.html.html import Html, chip, table, tag
from exporters.report.elements import collapsed, moment, plain, plot
from exporters.report.lanes import Block, Lane, lanes
from exporters.report.values import Comparison, GateReport, PlantReport, Recovery, Retraining, VersionRow


def models_section(report: PlantReport) -> list[Html]:
    """Versions in force over time, retraining requests with reasons, all registered versions."""
    in_force = [_in_force(report)] if any(gate.version_periods for gate in report.gates) else []
    requests = [_request(r) for r in report.retrainings]
    return [
        *in_force,
        tag("h3", "Retraining"),
        table(_REQUESTS, requests, "No retraining was requested."),
        *(_comparison(r.gate, r.challenger, r.champion, r.comparison) for r in report.retrainings if r.comparison),
        *_recoveries(report.recoveries),
        tag("h3", "Registered versions"),
        table(_VERSIONS, [_version(v) for v in report.versions], "No version was trained yet."),
    ]


def _recoveries(recoveries: Sequence[Recovery]) -> list[Html]:
    if not recoveries:
        return []
    title = tag("h4", "Mean error in the simulated plant around a concept change, without parts under another fault")
    return [title, table(_RECOVERY_HEADS, [_recovery_row(r) for r in recoveries], "")]


def _in_force(report: PlantReport) -> Html:
    gates = [gate for gate in report.gates if gate.version_periods]
    title, description = "Model versions in force", "A block for each version that decided."
    chart = lanes(title, description, [_lane(gate) for gate in gates], report.start, report.end)
    rows: list[tuple[str, ...]] = [
        (g.name, p.version, moment(p.start), moment(p.end), str(p.parts)) for g in gates for p in g.version_periods
    ]
    heads = ("Gate", "Version", "First decision (UTC)", "Last decision", "Parts")
    return tag(
        "div", plot("Model versions that decided, by gate", chart), collapsed("as a table", table(heads, rows, ""))
    )


def _lane(gate: GateReport) -> Lane:
    blocks = tuple(
        Block(f.start, f.end, f"b-version{' odd' if n % 2 else ''}", f"version {f.version}, {f.parts} parts")
        for n, f in enumerate(gate.version_periods)
    )
    versions = ", then ".join(f.version for f in gate.version_periods)
    return Lane(f"{gate.name}: version {versions}", blocks)


_REQUESTS = ("Gate", "Cause", "Requested (UTC)", "", "Reason", "Ended", "Champion", "Challenger")


def _request(r: Retraining) -> tuple[str, ...]:
    models = (r.champion or "-", r.challenger or "-")
    return r.gate, r.cause, moment(r.requested_at), chip(r.state), plain(r.reason), moment(r.finished_at), *models


def _comparison(gate: str, challenger: str, champion: str, c: Comparison) -> Html:
    """The errors of both on all parts, then by slice."""
    rows: list[tuple[str, ...]] = [
        (g.parts_of, str(g.parts), *map(number, (g.champion, g.challenger, g.gain, g.low, g.high))) for g in c.gains
    ]
    covered = " and ".join(map(_covered, (c.champion_coverage, c.challenger_coverage)))
    title = f"{gate}: version {challenger or '-'} against version {champion or '-'}"
    summary = f"On held-out parts of {c.lots} lots; {covered} of the outcomes inside the intervals."
    return tag("div", tag("h4", title), tag("p", summary, class_="muted"), table(_GAINS, rows, ""))


_GAINS = ("Parts of", "Parts", "Error of the champion", "Error of the challenger", "Gain", "Lower bound", "Upper bound")


def _covered(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def _recovery_row(r: Recovery) -> tuple[str, ...]:
    ratio = r.after / r.before if r.after is not None and r.before else None
    return r.gate, number(r.before), number(r.during), number(r.after), number(ratio)


_RECOVERY_HEADS = ("Gate", "Before the change", "During it", "After retraining", "Ratio after to before")


_VERSIONS = ("Gate", "Version", "Trained (UTC)", "Parts", "", "Skill", "R2, or AUROC", "Digest")


def _version(v: VersionRow) -> tuple[str, ...]:
    fit = v.metrics.get("r2", v.metrics.get("auroc"))
    measured = (number(v.metrics.get("skill")), number(fit))
    return v.gate, v.version, moment(v.trained_at), str(v.rows), chip(v.status), *measured, v.digest[:12]
