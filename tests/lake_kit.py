"""A store that fills with what goes to the lake, the job that sends it, and what store and lake say of it.

The library of the lake has threads once it is used: whoever uses it here does so in a forked process.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from fork_kit import ended, forked

from monitor.lake import delta, sink  # noqa: F401 - imported once, for all processes that are forked from this one
from monitor.lake.job import LakeJob
from monitor.model import Finding, Status
from monitor.plant.file.load import load
from monitor.plant.plant import Plant
from monitor.scheduling.job import Result, Run
from monitor.store.commit import BatchWrite, commit, provisional_arrival
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import take_over
from monitor.store.database.statements import mark
from monitor.store.rows.decisions import StoredDecision
from monitor.store.rows.readings import MachineWindow

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
LATER = START + timedelta(days=60)
"""When all that is filled in is of days that are over."""
PARTS = 12
"""Parts in a batch of a store that fills."""
TABLES = ("decisions", "findings", "part_passports", "machine_windows")
DECIDED = (
    "serial", "step", "visit", "revision", "gate", "arrival", "at", "decided_at", "verdict", "reason", "predicted",
    "lower", "model_digest", "inputs", "forecast",
)  # fmt: skip
FOUND = ("id", "arrival", "detector", "method", "subject", "feature", "at", "status", "value", "limit", "causes")
WINDOW = ("machine", "sensor", "start", "rows", "missing", "minimum", "maximum", "total", "square_total")


def plant_at(folder: Path, *settings: str) -> Plant:
    """The plant of the demo, with a lake beside its file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "plant.yaml"
    file.write_text(files("monitor.simulator").joinpath("plant.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    return load(file, ("lake.url=delta://./lake", *settings)).plant


def send(store: Store, plant: Plant, now: datetime = LATER, job: LakeJob | None = None) -> Result:
    """One run of the job, under a lease that is taken from whoever has it."""
    assert plant.lake is not None
    lease = take_over(store, "lake", uuid.uuid4().hex, 60.0)
    run = Run(now, now, lease, lambda: None, lambda: False)
    return (job or LakeJob(store, plant, plant.lake)).run(run)


def fill(store: Store, batches: int = 1) -> int:
    """Commit the next batches, each once whoever does it; how many there are then."""
    lease = take_over(store, "fill", uuid.uuid4().hex, 60.0)
    with store.read() as connection:
        done = mark(connection, "fill") or 0
    for number in range(done, done + batches):
        commit(store, lease, _batch(number))
    return done + batches


def _batch(number: int) -> BatchWrite:
    at = START + timedelta(minutes=20 * number)
    write = BatchWrite("fill", "fill", "", at, marks={"fill": number + 1})
    if number % 3 < 2:
        write.kind = "part_steps"
        _parts(write, number, at)
    else:
        _known_later(write, number, at)
    _watched(write, number, at)
    return write


def _parts(write: BatchWrite, number: int, at: datetime) -> None:
    for i in range(PARTS):
        serial, index = f"P{number}-{i}", len(write.rows)
        write.rows.append(
            {"source": "mes", "serial": serial, "step": "forging", "visit": 1, "revision": 0, "at": at,
             "available_at": at, "machine": f"m{i % 2}", "recipe": "R", "lot": f"L{number}", "values": {"x": i / 7},
             "digest": f"{number}-{i}"}
        )  # fmt: skip
        write.decisions.append(
            StoredDecision(
                serial, "forging", 1, 0, f"g{i % 2}", provisional_arrival(index),
                {"forging": provisional_arrival(index)}, "tip", "m", "3", "abc", "def", number / 3,
                None if i % 5 == 0 else i / 9, None, 0.5, 2.0, "hold", "uncertain", "wait", at, at, "",
                {"value": i / 11} if i % 3 == 0 else None,
            )
        )  # fmt: skip


def _known_later(write: BatchWrite, number: int, at: datetime) -> None:
    """Outcomes of the parts before, and a disposition of some by turns."""
    write.kind = "outcomes" if number % 2 else "dispositions"
    for i in range(PARTS):
        of_part = {"source": "test", "serial": f"P{number - 1}-{i}", "at": at, "revision": 0, "digest": f"{number}-{i}"}
        of_part |= {"available_at": at}
        told = {"characteristic": "tip", "value": i / 3} if number % 2 else {"step": "forging", "disposition": "used"}
        write.rows.append(of_part | told)


def _watched(write: BatchWrite, number: int, at: datetime) -> None:
    status = Status.BREACH if number % 2 else Status.OK
    write.findings.append(Finding("limits", "limit", "m0", f"s{number % 4}", at, status, number / 13, 3.0, 0, ("s",)))
    machine, start = f"m{number % 3}", START + timedelta(minutes=5 * (number // 12))
    for sensor in ("a", "b"):
        write.windows.append(MachineWindow(machine, sensor, start, number, 0, 0.0, 1.0, number / 7, 1.0))
    write.noted_windows.add((machine, start))


@dataclass(frozen=True, slots=True)
class Compared:
    """Of a table: what the store has and the lake has not, what the lake has twice, and how many rows it has."""

    lost: list[str]
    doubled: list[str]
    rows: int


def compare(store: Store, folder: Path) -> dict[str, Compared]:
    """Store and lake, table by table, every value of every row."""
    lake = {table: rows_of(folder / "lake" / table) for table in TABLES}
    with store.read() as connection:
        decisions = _stored(connection, t.decision, DECIDED)
        findings = _stored(connection, t.finding, FOUND)
        windows = _stored(connection, t.machine_window, WINDOW)
        parts = _known_parts(connection)
    newest = _newest(lake["machine_windows"], ("machine", "sensor", "start"))
    passports = _newest(lake["part_passports"], ("serial",))
    return {
        "decisions": _same(decisions, _picked(lake["decisions"], DECIDED), lake["decisions"], ("serial",)),
        "findings": _same(findings, _picked(lake["findings"], FOUND), lake["findings"], ("id",)),
        "machine_windows": _same(
            windows, _picked(newest, WINDOW), lake["machine_windows"], ("batch", "machine", "sensor", "start")
        ),
        "part_passports": _same(parts, list(map(_told, passports)), lake["part_passports"], ("batch", "serial")),
    }


def _same(stored: Sequence[str], told: Sequence[str], rows: Sequence[dict[str, Any]], key: Sequence[str]) -> Compared:
    lost = sorted(set(stored) ^ set(told))
    seen = Counter(json.dumps([row[name] for name in key]) for row in rows)
    return Compared(lost, sorted(one for one, times in seen.items() if times > 1), len(rows))


def _stored(connection: sa.Connection, table: sa.Table, names: Sequence[str]) -> list[str]:
    return [_line(list(row)) for row in connection.execute(sa.select(*(table.c[name] for name in names)))]


def _picked(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> list[str]:
    found = []
    for row in rows:
        values = [json.loads(row[f"{n}_json"] or "null") if f"{n}_json" in row else row[n] for n in names]
        found.append(_line(values))
    return found


def _line(values: object) -> str:
    return json.dumps(values, default=_time, sort_keys=True)


def _time(at: date) -> str:
    return at.astimezone(UTC).isoformat() if isinstance(at, datetime) else at.isoformat()


def _newest(rows: Sequence[dict[str, Any]], key: Sequence[str]) -> list[dict[str, Any]]:
    """Of each key the row of the highest batch."""
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: row["batch"]):
        newest[tuple(row[name] for name in key)] = row
    return list(newest.values())


def _known_parts(connection: sa.Connection) -> list[str]:
    """By part how many passages, decisions, outcomes and dispositions there are, with a value of each."""
    known: dict[str, list[list[Any]]] = {}
    kinds = (
        (t.part_step, ("step", "lot", "arrival")),
        (t.decision, ("step", "gate", "verdict", "predicted")),
        (t.outcome, ("characteristic", "value")),
        (t.disposition, ("step", "disposition")),
    )
    for place, (table, names) in enumerate(kinds):
        for serial, *values in connection.execute(sa.select(table.c.serial, *(table.c[name] for name in names))):
            known.setdefault(serial, [[], [], [], []])[place].append(list(values))
    return [_line([serial, *lists]) for serial, lists in known.items()]


def _told(row: dict[str, Any]) -> str:
    lists = (
        [[one[name] for name in names] for one in row[kind]]
        for kind, names in (
            ("passages", ("step", "lot", "arrival")),
            ("decisions", ("step", "gate", "verdict", "predicted")),
            ("outcomes", ("characteristic", "value")),
            ("dispositions", ("step", "disposition")),
        )
    )
    return _line([row["serial"], *lists])


def rows_of(table: Path) -> list[dict[str, Any]]:
    """The rows of a Delta table, times as text; none where there is no table."""
    return list(in_child(lambda: _read(table), table.parent.parent))


def _read(table: Path) -> list[dict[str, Any]]:
    from deltalake import DeltaTable

    if not DeltaTable.is_deltatable(str(table)):
        return []
    return list(DeltaTable(str(table)).to_pyarrow_table().to_pylist())


def in_child(work: Callable[[], object], folder: Path) -> Any:
    """What `work` returns in a process of its own, as JSON with times as text."""
    answer = folder / f"answer-{uuid.uuid4().hex}.json"

    def tell() -> None:
        answer.write_text(_line(work()), encoding="utf-8")

    assert ended(forked(tell)) == 0
    return json.loads(answer.read_text(encoding="utf-8"))
