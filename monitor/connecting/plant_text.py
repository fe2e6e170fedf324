"""The plant file to begin with, as text: what was proposed, and comments on what a person must decide."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from monitor.connecting.doubts import proposed_codes
from monitor.connecting.names import Role, name_and_unit, plant_name
from monitor.connecting.proposal import Proposal, TimeGuess, has_comma, is_number, names_of, seen, state_of
from monitor.sources.typed.columns import to_text

DECIDE = "DECIDE"
"""The mark of what a person must decide."""
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"})


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the plant file: machines and steps by code, the step of each machine, the sensors of each."""

    machines: Mapping[str, str]
    steps: Mapping[str, str]
    at_step: Mapping[str, str]
    sensors: Mapping[str, Mapping[str, str]]


def plant_text(proposals: Sequence[tuple[str, Proposal]], zone: str | None) -> str:
    """The plant file for proposals, each with the URL of its database."""
    used = _named([(url, p) for url, p in proposals if p.kind is not None])
    names = _names([p for _, p in used])
    lines = [
        "# Written by gatewatch init from what the databases hold. Decide what is marked, then: gatewatch check",
        "version: 1",
        f"site: my-plant  # {DECIDE}: the name of the site; part of every key in the MES",
        "",
        *_steps(names),
        *_machines(names),
        *_characteristics([p for _, p in used if p.kind == "outcomes"]),
        "sources:",
    ]
    for url, proposal in used:
        lines += ["", *_source(url, proposal, names, zone)]
    for _, proposal in proposals:
        if proposal.kind is None:
            lines += ["", f"  # table {proposal.table.name}: not proposed, {proposal.why}"]
    return "\n".join([*lines, *_gate([p for _, p in used], names)]) + "\n"


def _named(proposals: Sequence[tuple[str, Proposal]]) -> list[tuple[str, Proposal]]:
    """The proposals with a name each; tables of one name in several databases are numbered."""
    found: list[tuple[str, Proposal]] = []
    for url, proposal in proposals:
        base, taken = plant_name(proposal.table.name)[:40], {p.name for _, p in found}
        name = next(n for n in (base, *(f"{base}-{i}" for i in range(2, len(proposals) + 2))) if n not in taken)
        found.append((url, replace(proposal, name=name)))
    return found


def _names(proposals: Sequence[Proposal]) -> Names:
    parts = [p for p in proposals if p.kind == "part_steps"]
    role = Role.STEP if any(Role.STEP in p.columns for p in parts) else Role.MACHINE
    steps = names_of(sorted({code for p in parts for code in p.codes(role)})) or {"step": "step-1"}
    machines = names_of(sorted({code for p in proposals if p.kind != "outcomes" for code in p.codes(Role.MACHINE)}))
    at_step: dict[str, str] = {}
    for p in parts:
        step, machine = p.columns.get(role), p.columns.get(Role.MACHINE)
        for row in p.table.rows if step and machine else ():
            at_step.setdefault(to_text(row[machine or ""]), steps.get(to_text(row[step or ""]), ""))
    sensors: dict[str, dict[str, str]] = {code: {} for code in machines}
    for p in proposals:
        if p.kind == "readings":
            for code in p.codes(Role.MACHINE):
                sensors[code] |= _sensors(p, code)
    return Names(machines, steps, at_step, sensors)


def _sensors(proposal: Proposal, machine: str) -> dict[str, str]:
    """The sensors of a machine with their units: those of which it has a value."""
    column = proposal.columns[Role.MACHINE]
    rows = [row for row in proposal.table.rows if to_text(row[column]) == machine]
    if tag := proposal.columns.get(Role.SENSOR):
        tags = {to_text(row[tag]) for row in rows}
        return {name: "" for code, name in names_of(proposal.codes(Role.SENSOR)).items() if code in tags}
    filled = {column for column in _values(proposal) if any(row[column] is not None for row in rows)}
    return {name: name_and_unit(column)[1] for column, name in _value_names(proposal).items() if column in filled}


def _values(proposal: Proposal) -> tuple[str, ...]:
    single = proposal.columns.get(Role.VALUE)
    return (*proposal.values, single) if single and Role.SENSOR not in proposal.columns else proposal.values


def _value_names(proposal: Proposal) -> dict[str, str]:
    """The name of each value by its column: without the unit, where that is another one than its neighbours'."""
    short = [name_and_unit(column)[0] for column in _values(proposal)]
    columns = zip(_values(proposal), short, strict=True)
    wanted = [column if short.count(name) > 1 else name for column, name in columns]
    return {
        column: name.replace("-", "_")
        for column, name in zip(_values(proposal), names_of(wanted).values(), strict=True)
    }


def _steps(names: Names) -> Iterator[str]:
    yield "steps:"
    for name in names.steps.values():
        yield f"  {_word(name)}: {{line: line-1}}  # {DECIDE}: its line, and on_hold: wait, inspect or plant_procedure"
    yield ""


def _machines(names: Names) -> Iterator[str]:
    if not names.machines:
        return
    yield "machines:"
    first = next(iter(names.steps.values()))
    for code, name in names.machines.items():
        step = names.at_step.get(code)
        doubt = "" if step else f"  # {DECIDE}: the step it works at"
        yield f"  {_word(name)}:"
        yield f"    step: {_word(step or first)}{doubt}"
        if names.sensors[code]:
            yield f"    sensors:  # {DECIDE}: low and high, the operating limits, where they are known"
        for sensor, unit in names.sensors[code].items():
            yield f"      {_word(sensor)}: {{{f'unit: {_word(unit)}' if unit else ''}}}"
    yield ""


def _characteristics(outcomes: Sequence[Proposal]) -> Iterator[str]:
    if not outcomes:
        return
    yield "characteristics:"
    for proposal in outcomes:
        name, unit = _characteristic(proposal)
        column = _result(proposal)
        if not is_number(proposal.table, column):
            yield f"  # {DECIDE}: whether a failed part is scrap or can be corrected; see codes of its source"
            yield f"  {_word(name)}: {{pass_fail: scrap}}"
            continue
        inside = f"unit: {_word(unit)}, " if unit else ""
        numbers = sorted(float(to_text(c).replace(",", ".")) for c in proposal.table.cells(column) if _float(c))
        limits = f"lower: {numbers[0]:g}, upper: {numbers[-1] + (numbers[0] == numbers[-1]):g}"
        yield f"  # {DECIDE}: the specification; these are the smallest and largest value seen"
        yield f'  {_word(name)}: {{{inside}specs: [{{since: "2000-01-01T00:00:00Z", {limits}}}]}}'
    yield ""


def _float(cell: object) -> bool:
    return re.fullmatch(r"[+-]?\d+([.,]\d+)?", to_text(cell)) is not None


def _result(proposal: Proposal) -> str:
    return proposal.columns.get(Role.RESULT) or proposal.columns.get(Role.VALUE) or proposal.values[0]


def _characteristic(proposal: Proposal) -> tuple[str, str]:
    name, unit = name_and_unit(_result(proposal))
    return f"{proposal.name}-{plant_name(name)}"[:63], unit


def _source(url: str, proposal: Proposal, names: Names, zone: str | None) -> Iterator[str]:
    yield f"  {_word(proposal.name)}:"
    yield f"    kind: {proposal.kind}"
    yield f"    url: {_word(url)}"
    yield f"    table: {_word(proposal.table.name)}"
    for key, guess in (("at", proposal.at), ("available_at", proposal.available_at)):
        if guess is not None:
            yield from _time(key, guess, zone)
    columns = proposal.columns
    if proposal.kind in ("part_steps", "outcomes", "dispositions"):
        yield f"    serial: {_word(columns[Role.SERIAL])}"
    if proposal.kind == "part_steps":
        role = Role.STEP if Role.STEP in columns else Role.MACHINE
        doubt = "" if role is Role.STEP else f"  # {DECIDE}: no column of the step was found; this is the machine's"
        yield f"    step: {_coded(columns[role], names.steps)}{doubt}"
    if proposal.kind == "dispositions" and Role.STEP in columns:
        yield f"    step: {_coded(columns[Role.STEP], names.steps)}"
    if proposal.kind in ("part_steps", "readings", "machine_states") and Role.MACHINE in columns:
        codes = {code: names.machines[code] for code in proposal.codes(Role.MACHINE)}
        yield f"    machine: {_coded(columns[Role.MACHINE], codes)}"
    for role, key, kinds in (
        (Role.RECIPE, "recipe", ("part_steps", "readings")), (Role.LOT, "lot", ("part_steps",)),
        (Role.VISIT, "visit", ("part_steps",)), (Role.DISPOSITION, "disposition", ("dispositions",)),
    ):  # fmt: skip
        if role in columns and proposal.kind in kinds:
            yield f"    {key}: {_word(columns[role])}"
    yield from _content(proposal)


def _content(proposal: Proposal) -> Iterator[str]:
    """The lines of what a source's rows hold."""
    table, columns = proposal.table, proposal.columns
    if proposal.kind == "machine_states":
        states = {code: state_of(code) for code in proposal.codes(Role.STATE)}
        codes = {code: state or "idle" for code, state in states.items()}
        doubt = f"  # {DECIDE}: run, idle, setup or down" if None in states.values() else ""
        yield f"    state: {_coded(columns[Role.STATE], codes)}{doubt}"
    elif proposal.kind == "outcomes":
        column = _result(proposal)
        yield f"    characteristic: {_word(_characteristic(proposal)[0])}"
        if is_number(table, column):
            yield f"    value: {_number(proposal, column)}"
        else:
            numbers = ", ".join(f"{_word(c)}: {n}" for c, n in proposed_codes(seen(table, column)[:60]).items())
            yield f"    value: {{column: {_word(column)}, codes: {{{numbers}}}}}  # {DECIDE}: 0 is passed, 1 is failed"
    elif proposal.kind == "readings" and Role.SENSOR in columns:
        yield f"    sensor: {_coded(columns[Role.SENSOR], names_of(proposal.codes(Role.SENSOR)))}"
        yield f"    value: {_number(proposal, columns[Role.VALUE])}"
    elif proposal.kind in ("readings", "part_steps") and _values(proposal):
        yield "    values:"
        for column, name in _value_names(proposal).items():
            yield f"      {_word(name)}: {_number(proposal, column)}"


def _number(proposal: Proposal, column: str) -> str:
    unit = name_and_unit(column)[1] if proposal.kind != "readings" else ""
    inside = [f"column: {_word(column)}"]
    inside += ['decimal: ","'] if has_comma(proposal.table, column) else []
    inside += [f"unit: {_word(unit)}"] if unit else []
    return _word(column) if len(inside) == 1 else f"{{{', '.join(inside)}}}"


def _time(key: str, guess: TimeGuess, zone: str | None) -> Iterator[str]:
    inside = [f"column: {_word(guess.column)}"]
    inside += [f'format: "{guess.format}"'] if guess.format else []
    inside += [f"epoch: {guess.epoch}"] if guess.epoch else []
    inside += [f"zone: {zone or 'UTC'}"] if guess.local else []
    doubts = ["the zone of its local times"] if guess.local and zone is None else []
    doubts += [f"the format, {guess.doubt}"] if guess.doubt else []
    said = f"  # {DECIDE}: {'; '.join(doubts)}" if doubts else ""
    written = _word(guess.column) if len(inside) == 1 else "{" + ", ".join(inside) + "}"
    yield f"    {key}: {written}{said}"


def _coded(column: str, codes: Mapping[str, str]) -> str:
    other = ", ".join(f"{_word(code)}: {_word(name)}" for code, name in codes.items() if code != name)
    return f"{{column: {_word(column)}, codes: {{{other}}}}}" if other else _word(column)


def _gate(used: Sequence[Proposal], names: Names) -> Iterator[str]:
    """A gate to begin with, as comments: which step it stands at and what it predicts is for a person to say."""
    parts = [p for p in used if p.kind == "part_steps" and len(p.values) > 1]
    outcomes = [p for p in used if p.kind == "outcomes"]
    if not parts or not outcomes:
        return
    features = ", ".join(map(_word, _value_names(parts[0]).values()))
    yield ""
    yield f"# {DECIDE}: a gate, if one is to recommend; see docs/explanation/gates.md"
    yield "# gates:"
    step = next(iter(names.steps.values()))
    yield f"#   first: {{step: {_word(step)}, characteristic: {_word(_characteristic(outcomes[0])[0])},"
    of_number = is_number(outcomes[0].table, _result(outcomes[0]))
    yield f"#           {f'profile: [{features}]' if of_number else f'kind: classifier, covariates: [{features}]'}}}"


def _word(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text, ensure_ascii=False)
