"""Whatever the order in which rows arrive, the store holds in the end what it holds when they arrive in order."""

from __future__ import annotations

import os
import random
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import postgres_kit
import pytest
import sqlalchemy as sa
from arrival_histories import END, HOUR, SETTLED, History, Writer
from arrival_plant import COLUMNS, Life, shuffled

from monitor.gate_models.training_set import training_set
from monitor.store.database import tables as t
from monitor.store.database.database import Store

Words = dict[tuple[Any, ...], tuple[Any, ...]]
_COUNTED = ("form", "coat")


@dataclass(frozen=True)
class Outcome:
    """What is in a store in the end: last words by key, how many rows repeat the one before, what is made of them."""

    words: Words
    doubled: int
    gate: list[Any]
    machines: list[Any]
    vanished: dict[str, int]
    unjudged: float


class Databases:
    """New stores and MESs of one kind, each in a folder or database of its own."""

    def __init__(self, kind: str, new_store: Path, server: sa.URL | None) -> None:
        self.kind = kind
        self._new_store = new_store
        self._server = server

    @contextmanager
    def life(self) -> Iterator[Life]:
        """A new plant, deleted afterwards."""
        folder, name = Path(tempfile.mkdtemp()), f"test_{secrets.token_hex(6)}"
        if self._server is not None:
            store = mes = postgres_kit.make_store(self._server, name)
        else:
            shutil.copyfile(self._new_store, folder / "store.db")
            store, mes = f"sqlite:///{folder}/store.db", f"sqlite:///{folder}/mes.db"
        life = Life(folder, Store(store), {"url": mes})
        try:
            yield life
        finally:
            life.close()
            shutil.rmtree(folder)
            if self._server is not None:
                postgres_kit.drop_database(self._server, name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def databases(request: pytest.FixtureRequest, new_store: Path) -> Databases:
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    return Databases(request.param, new_store, server)


def _revisions(rows: Iterable[Any], key: tuple[str, ...], value: str) -> tuple[Words, int]:
    """The last word of each key, and how often a revision says what the one before it says."""
    words: Words = {}
    doubled = 0
    for row in sorted(rows, key=lambda row: row.revision):
        of, said = tuple(getattr(row, name) for name in key), (getattr(row, value),)
        doubled += words.get(of) == said
        words[of] = said
    return words, doubled


def _parts(rows: Iterable[Any]) -> tuple[Words, int]:
    words, doubled = {}, 0
    for key, visit in ((("serial", "step", "visit"), True), (("serial", "step", "at"), False)):
        chosen = [row for row in rows if (row.source in _COUNTED) is visit]
        found, twice = _revisions([_Part(row) for row in chosen], key, "content")
        doubled += twice
        for of, ((at, values),) in found.items():
            words[("part", *of, at) if visit else ("part", *of)] = (dict(values),)
    return words, doubled


class _Part:
    """A part step with its content as one value."""

    def __init__(self, row: Any) -> None:
        self.serial, self.step, self.visit, self.at, self.revision = (
            row.serial,
            row.step,
            row.visit,
            row.at,
            row.revision,
        )
        self.content = (row.at, tuple(sorted(row._mapping["values"].items())))


def _readings(rows: Iterable[Any]) -> tuple[Words, int]:
    words: Words = {}
    doubled = 0
    for row in sorted(rows, key=lambda row: row.revision):
        values = row._mapping["values"]
        said = {("reading", row.machine, sensor, row.at): (value,) for sensor, value in values.items()}
        doubled += all(words.get(of) == word for of, word in said.items())
        words |= said
    return words, doubled


_EVENTS = ("subject", "detector", "method", "feature", "at", "status", "value", "limit", "causes")


def _outcome(life: Life, vanished: dict[str, int]) -> Outcome:
    parts, twice = _parts(life.all(t.part_step))
    readings, twice_read = _readings(life.all(t.reading))
    words, doubled = parts | readings, twice + twice_read
    for name, table, key, value in (
        ("states", t.machine_state, ("machine", "at"), "state"),
        ("outcomes", t.outcome, ("serial", "at"), "value"),
        ("dispositions", t.disposition, ("serial", "at"), "disposition"),
    ):
        found, again = _revisions(life.all(table), key, value)
        words |= {(name, *of): word for of, word in found.items()}
        doubled += again
    with life.store.read() as connection:
        rows = training_set(connection, life.plant.gates["coat"], life.plant.max_ages(), END)
    training = [rows.serials, repr(rows.rows.tolist()), rows.target.tolist(), rows.passed_at, rows.machines]
    decided = sorted(
        life.all(t.decision, "serial", "step", "visit", "revision", "predicted", "verdict", "reason", "at")
    )
    decisions = Counter((serial, step, visit) for serial, step, visit, *_ in decided)
    doubled += sum(decisions.values()) - len(decisions)
    machines = [
        sorted(life.all(t.finding, *_EVENTS), key=repr), sorted(life.all(t.board, *_EVENTS), key=repr),
        sorted(life.all(t.machine_window), key=repr),
    ]  # fmt: skip
    machines[:2] = [[row for row in rows if row[1] != "reconciliation"] for rows in machines[:2]]
    unjudged = sum(life.tally("gatewatch_readings_unjudged_total", source=name) for name in ("plc", "tags"))
    return Outcome(words, doubled, [training, decided], machines, vanished, unjudged)


def lived(databases: Databases, history: History, seed: int) -> Outcome:
    """What is in the store after all that happened, read step by step by new processes."""
    rng = random.Random(seed)
    changes = list(history.changes)
    with databases.life() as life:
        for now in [*history.steps, SETTLED + HOUR, END]:
            if now == SETTLED + HOUR:
                vanished = _vanished(life)
            due = [change for change in changes if change.when <= now]
            changes = changes[len(due) :]
            life.mes.apply(due)
            compared = rng.random() < 0.7 or now in (SETTLED - 2 * HOUR, SETTLED - HOUR, END) or now == history.steps[0]
            life.step(now, shuffled(rng), rng.choice([5, 40, 1000]), compared)
        return _outcome(life, vanished)


def _vanished(life: Life) -> dict[str, int]:
    """Rows that the sources no longer have, as told."""
    told = {name: int(life.tally("gatewatch_source_vanished_rows", source=name)) for name in COLUMNS}
    return {name: rows for name, rows in told.items() if rows}


def in_order(databases: Databases, history: History) -> Outcome:
    """What is in the store if only the last words were ever said, each at its own time, and all are read at once."""
    with databases.life() as life:
        life.mes.apply(history.plain)
        life.step(END, list(COLUMNS), compare=False)
        return _outcome(life, {})


def differences(databases: Databases, seed: int, punctual: bool) -> Counter[str]:
    """How many keys are lost, wrong or doubled after a random history; what is made of the rows must be equal."""
    history = Writer(seed, punctual).write()
    came, plain = lived(databases, history, seed), in_order(databases, history)
    found: Counter[str] = Counter(rows=len(history.truth), doubled=came.doubled)
    found["lost"] = len(history.truth.keys() - came.words.keys())
    found["invented"] = len(came.words.keys() - history.truth.keys())
    found["wrong"] = sum(came.words[of] != word for of, word in history.truth.items() if of in came.words)
    assert plain.words == history.truth, f"seed {seed}: rows in order"
    assert came.gate == plain.gate, f"seed {seed}: the gate"
    assert came.vanished == history.deleted, f"seed {seed}: rows deleted in the source"
    if punctual:
        assert (came.unjudged, came.machines) == (0, plain.machines), f"seed {seed}: the machines"
    return found


@pytest.mark.parametrize(
    ("databases", "punctual"),
    [("sqlite", True), ("sqlite", False), pytest.param("postgresql", False, marks=pytest.mark.postgres)],
    ids=["sqlite-within late_by", "sqlite-at any time", "postgresql-at any time"],
    indirect=["databases"],
)
@pytest.mark.slow
def test_rows_in_any_order_of_arrival_end_as_rows_in_order(punctual: bool, databases: Databases) -> None:
    found = differences(databases, 1, punctual)
    assert found["rows"] > 200
    assert +found == Counter(rows=found["rows"])


@pytest.mark.soak
def test_many_random_histories(databases: Databases) -> None:
    """Half of them within `late_by`; GATEWATCH_HISTORIES says how many."""
    histories = int(os.environ.get("GATEWATCH_HISTORIES", "20"))
    found: Counter[str] = Counter()
    for seed in range(100, 100 + histories):
        found += differences(databases, seed, seed % 2 == 0)
        print(f"{databases.kind}: {seed - 99} histories: {dict(found)}", flush=True)
    wrong = {word: found[word] for word in ("lost", "doubled", "invented", "wrong")}
    print(f"{databases.kind}: {histories} random histories, {found['rows']} keys: {wrong}")
    assert not any(wrong.values())
