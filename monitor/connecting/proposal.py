"""What each table of a database may be as a source: its kind, and what its columns mean."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from monitor.connecting.described import Holds, Table
from monitor.connecting.names import Role, plain, plant_name, role_of
from monitor.connecting.time_guess import guess_epoch, possible_time_formats
from monitor.plant.time_formats import time_format
from monitor.sources.typed.columns import to_text

MOST_CODES = 60
"""Different texts in a column up to which they are listed."""
_TESTS = re.compile(r"pruef|qual|inspe|test|result|labor|outcome|messung")
_COMMA = re.compile(r"[+-]?\d+,\d+")
_POINT = re.compile(r"[+-]?\d+(\.\d+)?")
_STATES = (
    ("down", r"stoer|down|fault|fehler|alarm|defekt|(^|_)(aus|off)$"), ("setup", r"ruest|setup|einricht|umbau"),
    ("run", r"lauf|(^|_)run|produ|auto|aktiv|(^|_)active"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TimeGuess:
    """How a time column is written; `doubt` says what a person must decide."""

    column: str
    format: str | None = None
    epoch: str | None = None
    local: bool = False
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A table as a source, called `name` there: `kind` is None where it is none, for the reason in `why`."""

    table: Table
    kind: str | None
    why: str = ""
    columns: Mapping[Role, str] = field(default_factory=dict)
    values: tuple[str, ...] = ()
    at: TimeGuess | None = None
    available_at: TimeGuess | None = None
    name: str = ""

    def codes(self, role: Role) -> tuple[str, ...]:
        """The different texts in the column of a role, sorted; as many as are listed."""
        column = self.columns.get(role)
        return seen(self.table, column)[:MOST_CODES] if column else ()


def propose(table: Table) -> Proposal:
    """What a table may be."""
    columns = _roles(table)
    times = {name: guess for name in table.columns if (guess := guess_time(table, name))}
    times = times or _unnamed_times(table, columns.values())
    at = _pick(times, Role.AT) or next((g for n, g in times.items() if role_of(n) is not Role.AVAILABLE), None)
    at = at or next(iter(times.values()), None)
    if not table.rows:
        return Proposal(table, None, "it has no rows", columns)
    if at is None:
        return Proposal(table, None, "no column holds times that can be read", columns)
    available = next((g for n, g in times.items() if role_of(n) is Role.AVAILABLE and g is not at), None)
    taken = {*columns.values(), *times}
    values = tuple(name for name in table.columns if name not in taken and is_number(table, name))
    kind, why = _kind(table, columns, values)
    return Proposal(table, kind, why, columns, values, at, available)


def _kind(table: Table, columns: Mapping[Role, str], values: Sequence[str]) -> tuple[str | None, str]:
    has = columns.keys()
    if Role.SERIAL in has:
        if Role.DISPOSITION in has:
            return "dispositions", ""
        if has & {Role.RESULT, Role.VALUE} or (values and Role.STEP not in has and _TESTS.search(plain(table.name))):
            return "outcomes", ""
        if has & {Role.STEP, Role.MACHINE}:
            return "part_steps", ""
        return ("outcomes", "") if values else (None, "it has serials, but neither a step nor a value")
    if Role.MACHINE in has:
        if {Role.SENSOR, Role.VALUE} <= has:
            return "readings", ""
        if Role.STATE in has and not values:
            return "machine_states", ""
        return ("readings", "") if values or Role.VALUE in has else (None, "it has machines, but no numbers")
    return None, "no column is known as a serial number or a machine"


def _roles(table: Table) -> dict[Role, str]:
    found: dict[Role, str] = {}
    for name in table.columns:
        role = role_of(name)
        if role is not None and role not in (Role.AT, Role.AVAILABLE):
            found.setdefault(role, name)
    return found


def _unnamed_times(table: Table, taken: Collection[str]) -> dict[str, TimeGuess]:
    """The numbers since 1970 in columns whose names say nothing of times."""
    numbers = (name for name, holds in table.columns.items() if holds is Holds.NUMBER and name not in taken)
    units = ((name, guess_epoch(table.cells(name))) for name in numbers)
    return {
        name: TimeGuess(name, epoch=unit, doubt="numbers of this size may be times since 1970")
        for name, unit in units
        if unit
    }


def _pick(times: Mapping[str, TimeGuess], role: Role) -> TimeGuess | None:
    return next((guess for name, guess in times.items() if role_of(name) is role), None)


def guess_time(table: Table, name: str) -> TimeGuess | None:
    """How a column's times are written, if it holds times."""
    holds, cells = table.columns[name], table.cells(name)
    if holds is Holds.AWARE:
        return TimeGuess(name)
    if holds is Holds.NAIVE and all(re.match(r"\d{4}-\d\d-\d\d", str(cell)) for cell in cells):
        return TimeGuess(name, local=True)
    if holds is Holds.NUMBER or (cells and all(isinstance(cell, int | float) for cell in cells)):
        unit = guess_epoch(cells) if role_of(name) in (Role.AT, Role.AVAILABLE) else None
        return TimeGuess(name, epoch=unit) if unit else None
    texts = [to_text(cell) for cell in cells]
    if not texts:
        return None
    iso = [re.fullmatch(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?\s*(Z|[+-]\d\d:?\d*)?", text) for text in texts]
    if sum(match is not None for match in iso) >= 0.8 * len(texts):
        return TimeGuess(name, local=any(match is not None and match[3] is None for match in iso))
    formats = possible_time_formats(texts)
    if not formats or (role_of(name) not in (Role.AT, Role.AVAILABLE) and texts[0].isdigit()):
        return None
    doubt = f"or {formats[1]}: no value says which number is the day" if len(formats) > 1 else ""
    return TimeGuess(name, format=formats[0], local=time_format(formats[0]).naive, doubt=doubt)


def is_number(table: Table, name: str) -> bool:
    """Whether a column holds numbers, as such or as text."""
    if plain(name) in ("id", "lfd_nr", "nr", "row_id", "index") or table.columns[name] is Holds.OTHER:
        return False
    cells = table.cells(name)
    if table.columns[name] is Holds.NUMBER:
        return True
    texts = [to_text(cell) for cell in cells]
    return bool(texts) and sum(bool(_COMMA.fullmatch(t) or _POINT.fullmatch(t)) for t in texts) >= 0.8 * len(texts)


def has_comma(table: Table, name: str) -> bool:
    """Whether a column writes its numbers with a comma."""
    return any(isinstance(cell, str) and _COMMA.fullmatch(cell.strip()) for cell in table.cells(name))


def seen(table: Table, name: str) -> tuple[str, ...]:
    """The different texts of a column, sorted."""
    return tuple(sorted({text for cell in table.cells(name) if (text := to_text(cell))}))


def names_of(codes: Sequence[str]) -> dict[str, str]:
    """A name of the plant file for each code, each of another one."""
    found: dict[str, str] = {}
    for code in codes:
        name, n = plant_name(code)[:58], 1
        while (name if n == 1 else f"{name}-{n}") in found.values():
            n += 1
        found[code] = name if n == 1 else f"{name}-{n}"
    return found


def state_of(code: str) -> str | None:
    """The machine state that a code may mean."""
    text = plain(code)
    if text in ("run", "idle", "setup", "down"):
        return text
    return next((state for state, pattern in _STATES if re.search(pattern, text)), None)
