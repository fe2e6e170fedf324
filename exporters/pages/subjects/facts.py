"""What is known of a subject besides alerts and findings: where it belongs, how it stands, where to look further."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

from exporters.html.html import chip, tag
from exporters.metrics.families.holds import is_overdue
from exporters.metrics.families.jobs import overdue
from exporters.metrics.families.sources import newest_row
from exporters.metrics.shared.metric import Bounds
from exporters.metrics.shared.snapshot import MetricsSnapshot
from exporters.pages.clock import Clock
from exporters.pages.estimates import estimated_error
from exporters.pages.findings import Findings, newest_samples, row_counts, time_left
from exporters.pages.lists import list_url
from exporters.pages.parts import subject_link
from monitor.model import MachineState, Verdict
from monitor.statuses import AlertStatus


class Fact(NamedTuple):
    """A fact: its name and what is said, of text and elements."""

    name: str
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What facts are read from."""

    snapshot: MetricsSnapshot
    bounds: Bounds
    findings: Findings
    clock: Clock


def kinds_of(name: str, snapshot: MetricsSnapshot, bounds: Bounds) -> list[str]:
    """What bears this name: a machine, step, gate, source, job or the site; else what an alert is about; or nothing."""
    plant = bounds.plant
    named: Mapping[str, Iterable[str]] = {
        "machine": plant.machines, "step": plant.steps, "gate": plant.gates, "source": plant.sources,
        "job": bounds.jobs, "site": (plant.site,),
    }  # fmt: skip
    found = [kind for kind, names in named.items() if name in names]
    of_alert = any(row.subject == name and row.state is not AlertStatus.PENDING for row in snapshot.alerts)
    return found or (["subject of alerts"] if of_alert else [])


def belonging(name: str, bounds: Bounds) -> tuple[str, ...]:
    """The machines and gates of a step; none of what is no step."""
    return (*machines_at(name, bounds), *_gates_at(name, bounds))


def facts_of(
    kind: str, name: str, snapshot: MetricsSnapshot, bounds: Bounds, findings: Findings, clock: Clock
) -> Iterator[Fact]:
    """The facts of one thing that bears the name."""
    facts = _FACTS.get(kind)
    if facts is not None:
        yield from facts(name, _Seen(snapshot, bounds, findings, clock))


def _machine(name: str, seen: _Seen) -> Iterator[Fact]:
    machine, rows = seen.bounds.plant.machines[name], seen.findings.get(name, ())
    yield Fact("Step", (subject_link(machine.step),))
    yield Fact("Gates there", _links(_gates_at(machine.step, seen.bounds)))
    standing = seen.snapshot.standing.get(name)
    if standing is not None:
        said = "since" if standing.state is MachineState.RUN else "it ran last"
        ran = [f", {said} ", seen.clock.moment(standing.ran_at)] if standing.ran_at else []
        yield Fact("State", (standing.state.value, *ran))
    yield Fact("Newest sample", (seen.clock.ago(newest_samples(seen.snapshot).get(name)),))
    yield Fact("Running hours until a limit", (time_left(rows),))
    yield from _dashboard("machine", name, seen)


def _step(name: str, seen: _Seen) -> Iterator[Fact]:
    step = seen.bounds.plant.steps[name]
    yield Fact("Line", (step.line,))
    yield Fact("Machines", _links(machines_at(name, seen.bounds)))
    yield Fact("Gates", _links(_gates_at(name, seen.bounds)))
    yield Fact("Newest part", (seen.clock.ago(seen.snapshot.newest_parts.get(name)),))
    held = [row for row in seen.snapshot.holds if row.step == name]
    if held:
        late = sum(is_overdue(row, seen.bounds.plant, seen.snapshot.at) for row in held)
        more = [", ", chip("overdue", f"{late} overdue")] if late else []
        yield Fact("Holds", (tag("a", f"{len(held)} wait for a decision", href="/holds"), *more))
    yield from _dashboard("step", name, seen)


def _gate(name: str, seen: _Seen) -> Iterator[Fact]:
    gate, plant = seen.bounds.plant.gates[name], seen.bounds.plant
    row = next((row for row in seen.snapshot.gates if row.gate == name), None)
    yield Fact("Step", (subject_link(gate.step),))
    yield Fact("Machines there", _links(machines_at(gate.step, seen.bounds)))
    model = f"{row.model} {row.version}" if row and row.version else "none: every part is held"
    since = [", in force since ", seen.clock.moment(row.since)] if row and row.version and row.since else []
    yield Fact("Model", (model, *since))
    verdicts = [tag("a", verdict.value, href=list_url({"verdict": verdict, "gate": name})) for verdict in Verdict]
    yield Fact("Decisions", (tag("a", "all", href=list_url({"gate": name})), *(x for v in verdicts for x in (", ", v))))
    if row is not None and row.recent:
        held = f"{row.holds} of {row.recent} held, the last "
        yield Fact("Newest decisions", (held, seen.clock.ago(row.last_decision_at)))
    unit = plant.characteristics[gate.characteristic].unit
    yield Fact("Estimated error", (estimated_error(seen.findings.get(name, ()), unit),))
    yield from _dashboard("gate", name, seen)


def _source(name: str, seen: _Seen) -> Iterator[Fact]:
    source = seen.bounds.plant.sources[name]
    yield Fact("Kind", (source.kind.replace("_", " "),))
    yield Fact("Read up to", (seen.clock.ago(newest_row(seen.snapshot, name)),))
    yield Fact("Row counts", tuple(one for text in row_counts(seen.findings.get(name, ())) for one in (text, " ")))
    refused = next((row for row in seen.snapshot.intakes if row.source == name), None)
    if refused is not None:
        yield Fact("Newest rows refused", (f"{refused.refused} of {refused.accepted + refused.refused}",))
    yield Fact("Jobs", _links(row.name for row in seen.snapshot.jobs if row.source == name))


def _job(name: str, seen: _Seen) -> Iterator[Fact]:
    row = next((row for row in seen.snapshot.jobs if row.name == name), None)
    late = [chip("overdue"), " "] if overdue(seen.snapshot, seen.bounds, name) else []
    yield Fact("Last success", (*late, seen.clock.ago(row and row.last_success_at)))
    if row is not None and row.source:
        yield Fact("Source", (subject_link(row.source),))
    if row is not None:
        yield Fact("Runs", (f"{row.runs}, {row.failures} failed, {row.missed_slots} slots missed",))
        yield Fact("Last error", (row.error or "-",))


_FACTS: Mapping[str, Callable[[str, _Seen], Iterator[Fact]]] = {
    "machine": _machine, "step": _step, "gate": _gate, "source": _source, "job": _job,
}  # fmt: skip


def machines_at(step: str, bounds: Bounds) -> list[str]:
    """The machines of a step."""
    return [name for name, machine in bounds.plant.machines.items() if machine.step == step]


def _gates_at(step: str, bounds: Bounds) -> list[str]:
    return [name for name, gate in bounds.plant.gates.items() if gate.step == step]


def _links(names: Iterable[str]) -> tuple[str, ...]:
    """Names that lead to their pages, with commas between them; '-' without any."""
    return tuple(one for name in names for one in (", ", subject_link(name)))[1:] or ("-",)


def _dashboard(kind: str, name: str, seen: _Seen) -> Iterator[Fact]:
    """Its board in Grafana, where the plant file says where that is."""
    base = seen.bounds.plant.server.grafana_url
    if base is not None:
        url = f"{base}d/gatewatch-{kind}?var-{kind}={quote(name, safe='')}"
        yield Fact("Dashboard", (tag("a", "in Grafana", href=url),))
