"""Random plants, rows and orders: every row is accepted, seen, a correction or refused, and counted so."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import postgres_kit
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from monitor.errors import MonitorError, SourceError, SourceReason
from monitor.jobs.pulling.pull import PullJob
from monitor.model import Page, RejectReason
from monitor.pipeline.events import EventsPipeline
from monitor.pipeline.parts import PartsPipeline
from monitor.pipeline.readings import ReadingsPipeline
from monitor.plant.plant import Plant
from monitor.scheduling.job import Run
from monitor.sources.transports import open_source
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import acquire
from monitor.store.rows.kinds import KINDS

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
ROWS = "gatewatch_source_rows_total"
Cells = Mapping[str, object]

_TEXTS = [
    "m1",
    "m1",
    "m2",
    "force",
    "temp",
    "forging",
    "F10",
    "coating",
    "run",
    "idle",
    "A",
    "B",
    "OK",
    "",
    " m1 ",
    "Ä\u202e",
]
_INSTANTS = ["2026-11-02 10:00:00", "2026-11-01 10:00:00", "2026-11-01 10:00:01"]
_ODD = [
    "9999-12-31 23:59:59",
    "0001-01-01 00:00:00",
    "2027-01-01 00:00:00",
    "2026-10-25 02:30:00",
    "2026-03-29 02:30:00",
]
_SECONDS = [1793613600, 1793613601, 1793527200]
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_MAXIMUM = 2**63 - 1

floats = st.one_of(st.floats(), st.sampled_from([1.5, 2.0, 1e308, -1e300, 1e100]))
words = st.one_of(st.sampled_from(_TEXTS), st.text(max_size=3), st.just("x" * 70))
times = st.sampled_from(_INSTANTS)


@dataclass(frozen=True)
class Kind:
    """A kind of source: its keys in the plant file, and what its columns hold: words or numbers."""

    config: Mapping[str, Any]
    columns: Mapping[str, str]


_VALUE = {"column": "v", "codes": {"OK": 0, "NOK": 1}, "decimal": ",", "missing": [-1, "?"], "scale": 2, "offset": 1}
_STEP = {"column": "op", "codes": {"F10": "forging"}}
_NAMES = {"sn": "word", "op": "word", "eq": "word"}
KINDS_OF_SOURCE = {
    "parts": Kind(
        {"kind": "part_steps", "serial": "sn", "step": _STEP, "machine": "eq", "lot": "lot",
         "values": {"v": _VALUE, "w": "w"}},
        {**_NAMES, "lot": "word", "v": "number", "w": "number"},
    ),
    "counted parts": Kind(
        {"kind": "part_steps", "serial": "sn", "step": _STEP, "visit": "n",
         "values": {"p": {"column": "w", "vector": 2}}},
        {"sn": "word", "op": "word", "n": "number", "w": "word"},
    ),
    "wide readings": Kind(
        {"kind": "readings", "machine": "eq", "recipe": "lot", "values": {"temp": _VALUE, "force": "w"}},
        {"eq": "word", "lot": "word", "v": "number", "w": "number"},
    ),
    "long readings": Kind(
        {"kind": "readings", "machine": "eq", "sensor": {"column": "op", "codes": {"OK": "temp"}}, "value": _VALUE},
        {"eq": "word", "op": "word", "v": "number"},
    ),
    "states": Kind(
        {"kind": "machine_states", "machine": "eq", "state": {"column": "op", "codes": {"1": "run"}}},
        {"eq": "word", "op": "word"},
    ),
    "outcomes": Kind(
        {"kind": "outcomes", "serial": "sn", "characteristic": "twist", "value": _VALUE}, {"sn": "word", "v": "number"}
    ),
    "dispositions": Kind(
        {"kind": "dispositions", "serial": "sn", "step": _STEP, "disposition": "lot"},
        {"sn": "word", "op": "word", "lot": "word"},
    ),
}  # fmt: skip
_GOOD: Mapping[str, Sequence[object]] = {
    "sn": ["A", "B"],
    "eq": ["m1", "m2"],
    "lot": ["L", ""],
    "v": [1.5, 2.5],
    "w": [1.0, 2.0],
    "n": [1, 2],
}
"""By column what can always be read; what `op` means depends on the kind."""
_OPERATIONS = {
    "part_steps": ["forging", "coating", "F10"],
    "readings": ["temp", "force"],
    "machine_states": ["run", "idle"],
    "dispositions": ["forging"],
}
_PARTITIONS = {"part_steps": {"x": ["forging"], "y": ["coating"]}, "readings": {"x": ["m1"], "y": ["m2"]}}


@dataclass(frozen=True)
class Case:
    """A plant's source, the SQL types of its table's columns, its rows in the order in which they are written.

    `lacks`: a column that the table does not have. `pulls`: how many rows there are at each pull.
    """

    source: Mapping[str, Any]
    types: Mapping[str, str]
    rows: Sequence[Cells]
    pulls: Sequence[int]
    batch_rows: int
    lacks: str | None = None


def _time_column(draw: st.DrawFn, name: str, postgres: bool) -> tuple[Any, str, st.SearchStrategy[object]]:
    """How a column of times is declared, its SQL type, and what stands in it."""
    form = draw(st.sampled_from(["epoch", "offset", "naive", "format"] + ["timestamptz", "timestamp"] * postgres))
    zone = {"zone": "Europe/Berlin"}
    if form == "epoch":
        unit, real = draw(st.sampled_from(list(_UNITS))), draw(st.booleans())
        whole = st.sampled_from(_SECONDS).map(lambda s: s * _UNITS[unit])
        odd = st.one_of(st.sampled_from([0, -1, 4102444800, _MAXIMUM, -_MAXIMUM, None]), floats if real else st.none())
        return {"column": name, "epoch": unit}, "double precision" if real else "bigint", _mostly(draw, whole, odd)
    if form in ("timestamptz", "timestamp"):
        odd = st.sampled_from(["infinity", "-infinity", "0044-03-15 12:00:00 BC", "20000-01-01 00:00:00", None, *_ODD])
        return {"column": name, **(zone if form == "timestamp" else {})}, form, _mostly(draw, times, odd)
    odd = st.one_of(
        st.sampled_from(_ODD), words if postgres else st.one_of(words, floats, st.binary(max_size=3)), st.none()
    )
    if postgres:
        odd = odd.map(_without_nul)
    if form == "offset":
        return {"column": name}, "text", _mostly(draw, times.map(lambda x: x.replace(" ", "T") + "Z"), odd)
    if form == "naive":
        return {"column": name, **zone}, "text", _mostly(draw, times, odd)
    german = times.map(lambda x: f"{x[8:10]}.{x[5:7]}.{x[:4]} {x[11:19]}")
    return {"column": name, "format": "%d.%m.%Y %H:%M:%S", **zone}, "text", _mostly(draw, german, odd)


def _without_nul(cell: object) -> object:
    """PostgreSQL takes no text with a NUL."""
    return cell.replace("\x00", "") if isinstance(cell, str) else cell


def _cells(of: str, sql_type: str, postgres: bool) -> st.SearchStrategy[object]:
    """What stands in a column."""
    if sql_type in ("double precision", "numeric"):
        return st.one_of(
            floats.map(lambda x: x if sql_type != "numeric" or abs(x) < 1e200 or x != x else 0.5), st.none()
        )
    if sql_type == "bigint":
        return st.one_of(st.integers(-3, 3), st.integers(-_MAXIMUM, _MAXIMUM), st.none())
    texts = st.one_of(words, st.sampled_from(["1", "1,5", "-1", "[1, 2]", "[1]", "1e400", "NOK", "?"]), st.none())
    if postgres:
        return texts.map(_without_nul)
    mixed: Any = st.one_of(st.integers(-_MAXIMUM, _MAXIMUM), floats, st.binary(max_size=17))
    return (
        st.one_of(texts, texts, st.sampled_from([1, 2, 1.5]), mixed)
        if of == "number"
        else st.one_of(texts, texts, texts, mixed)
    )


def _good(name: str, source: Mapping[str, Any], sql_type: str) -> st.SearchStrategy[object]:
    """What can be read in a column."""
    if name == "op":
        return st.sampled_from(_OPERATIONS[source["kind"]])
    if name == "w" and source.get("visit") == "n":
        return st.sampled_from(["[1, 2]", "[1.5, 2]"])
    values = st.sampled_from(_GOOD[name])
    if name in ("v", "w", "n"):
        return values.map(str if sql_type == "text" else int if sql_type == "bigint" else float)
    return values


def _mostly(
    draw: st.DrawFn, good: st.SearchStrategy[object], other: st.SearchStrategy[object]
) -> st.SearchStrategy[object]:
    """A column that can be read or, every third, one in which others stand too."""
    return good if draw(st.integers(0, 2)) else st.one_of(good, good, good, other)


@st.composite
def cases(draw: st.DrawFn, postgres: bool) -> Case:
    """A random source with its rows."""
    kind = KINDS_OF_SOURCE[draw(st.sampled_from(list(KINDS_OF_SOURCE)))]
    source = {**kind.config, "table": "t", "late_by": "36500d"}
    types, made = {}, {}
    for name in ("at", "known"):
        if name == "at" or draw(st.booleans()):
            source["available_at" if name == "known" else "at"], types[name], made[name] = _time_column(
                draw, name, postgres
            )
    for name, of in kind.columns.items():
        numeric = ["double precision", "numeric", "bigint"] if of == "number" and postgres else []
        types[name] = draw(st.sampled_from(["text", *numeric]))
        made[name] = _mostly(draw, _good(name, source, types[name]), _cells(of, types[name], postgres))
    if draw(st.booleans()) and source["kind"] in _PARTITIONS:
        source["partitions"] = _PARTITIONS[source["kind"]]
    rows: list[Cells] = draw(st.lists(st.fixed_dictionaries(made), min_size=1, max_size=12))
    rows += draw(st.lists(st.sampled_from(rows), max_size=3))
    pulls = sorted(draw(st.lists(st.integers(0, len(rows)), max_size=2)))
    lacks = draw(st.sampled_from([None] * 15 + list(types)))
    return Case(source, types, rows, [*pulls, len(rows)], draw(st.sampled_from([1, 3, 1000])), lacks)


class Table:
    """The source's table in a database of either kind."""

    def __init__(self, url: str, case: Case) -> None:
        self._engine = sa.create_engine(url)
        self._case = case
        postgres = self._engine.dialect.name == "postgresql"
        self._columns = [name for name in case.types if name != case.lacks]
        self._mark = "%s" if postgres else "?"
        declared = ", ".join(f"{name} {case.types[name] if postgres else ''}" for name in self._columns)
        with self._engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE TABLE t ({declared or 'nothing integer'})")

    def insert(self, rows: Sequence[Cells]) -> None:
        marks = ", ".join([self._mark] * len(self._columns))
        with self._engine.begin() as connection:
            for row in rows if self._columns else ():
                cells = tuple(row[name] for name in self._columns)
                connection.exec_driver_sql(f"INSERT INTO t VALUES ({marks})", cells)

    def close(self) -> None:
        self._engine.dispose()


@dataclass
class Read:
    """A source whose pages are kept."""

    real: Any
    pages: list[Page] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def read(self, *args: Any) -> Page:
        page: Page = self.real.read(*args)
        self.pages.append(page)
        return page


def _plant(source: Mapping[str, Any], url: str, batch_rows: int) -> Plant:
    sensors = {"temp": {}, "force": {}}
    return Plant.model_validate(
        {
            "version": 1,
            "site": "here",
            "steps": {"forging": {"line": "l"}, "coating": {"line": "l"}},
            "machines": {name: {"step": "forging", "sensors": sensors} for name in ("m1", "m2")},
            "characteristics": {"twist": {"specs": [{"since": "2026-01-01T00:00:00Z", "upper": 1.0}]}},
            "sources": {"it": {"url": url, **source}},
            "store": {"batch_rows": batch_rows},
        }
    )


def _job(store: Store, plant: Plant, partition: str, source: Any) -> PullJob:
    kind, pipeline = plant.sources["it"].kind, Any
    if kind == "part_steps":
        pipeline = PartsPipeline(store, plant, "digest", "it", dict)
    else:
        pipeline = (ReadingsPipeline if kind == "readings" else EventsPipeline)(store, plant, "it")
    return PullJob(store, plant, "it", partition, source, pipeline)


def _counts(store: Store, jobs: Sequence[PullJob]) -> Counter[str]:
    """Rows of the source by outcome, as counted, the rows of the store and those in quarantine.

    Where a pull brings nothing new, its counts are saved with the next commit.
    """
    with store.read() as connection:
        counted = connection.execute(sa.select(t.tally.c.labels, t.tally.c.value).where(t.tally.c.name == ROWS)).all()
        tables = {"stored": [*KINDS.values()], "refused": [t.quarantine]}
        rows = {
            name: sum(connection.execute(sa.select(sa.func.count()).select_from(of)).scalar_one() for of in each)
            for name, each in tables.items()
        }
    found = Counter({labels["outcome"]: int(value) for labels, value in counted} | rows)
    for job in jobs:
        for (name, labels), value in job._unsaved_tallies.items():
            found[dict(labels)["outcome"]] += value if name == ROWS else 0
    return found


def _texts(pages: Sequence[Page]) -> Counter[str]:
    return Counter(repr(sorted(reject.row.items(), key=repr)) for page in pages for reject in page.rejects)


def _pull(store: Store, jobs: Sequence[PullJob]) -> None:
    """One pull of every partition."""
    for job in jobs:
        lease = acquire(store, job.name, "this test", 600.0)
        assert lease is not None
        job.run(Run(NOW, NOW, lease, lambda: None, lambda: False))


def check(case: Case, store: Store, url: str) -> None:
    """Pull as the case says, and look where each row is after each pull."""
    table, plant = Table(url, case), _plant(case.source, url, case.batch_rows)
    source = Read(open_source("it", plant.sources["it"], plant))
    jobs = [_job(store, plant, name, source) for name in plant.sources["it"].partitions or ("all",)]
    try:
        there = 0
        for size in [*case.pulls, case.pulls[-1]]:
            table.insert(case.rows[there:size])
            there, before = size, _counts(store, jobs)
            source.pages.clear()
            try:
                _pull(store, jobs)
                strays = source.strays(NOW, 10_000)
            except MonitorError as error:
                _check_error(error, case, _counts(store, jobs))
                return
            assert case.lacks is None
            _check_pull(case, source.pages, strays, there, before, _counts(store, jobs))
        # Nothing was new at the last pull.
        assert {name: before[name] for name in ("stored", "refused")} == {
            name: _counts(store, jobs)[name] for name in ("stored", "refused")
        }
    finally:
        source.close()
        table.close()


def _check_error(error: MonitorError, case: Case, counts: Counter[str]) -> None:
    assert isinstance(error, MonitorError)
    assert len(str(error).splitlines()) == 1
    if case.lacks is not None:
        assert isinstance(error, SourceError)
        assert error.reason is SourceReason.MISSING_COLUMN
        assert not +counts


def _is_ancient(cell: object) -> bool:
    return cell < 0 if isinstance(cell, int | float) else str(cell).startswith(("0001", "01.01.0001", "0044", "-inf"))


def _check_pull(
    case: Case, pages: Sequence[Page], strays: Page, there: int, before: Counter[str], after: Counter[str]
) -> None:
    read, rejected = sum(page.read for page in pages), _texts(pages)
    twice = (rejected & _texts([strays])).total()
    # Once a place was read, what claims to be older than all that may be late is not looked for.
    cursor = "known" if "available_at" in case.source else "at"
    ancient = sum(_is_ancient(row[cursor]) for row in case.rows[:there]) if before["stored"] + before["refused"] else 0
    assert there - ancient <= read + len(strays.rejects) - twice <= there, (
        f"each row is read, or it is a stray: {read}, {len(strays.rejects)}, {twice}, {there}"
    )
    typed = sum(len(page.frame) for page in pages)
    if "sensor" not in case.source:
        assert typed + rejected.total() == read, "each row that is read is typed or refused"
    done = {name: after[name] - before[name] for name in after}
    assert done.get("accepted", 0) + done.get("corrected", 0) + done.get("seen", 0) + done.get("too_old", 0) == typed
    assert after["accepted"] + after["corrected"] == after["stored"]
    assert after["quarantined"] == after["refused"]
    for page in (*pages, strays):
        assert all(isinstance(reject.reason, RejectReason) and reject.row for reject in page.rejects)


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


quick = settings(
    deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@settings(quick, max_examples=20)
@given(case=cases(False))
@pytest.mark.slow
def test_every_row_is_somewhere_on_sqlite(case: Case, new_store: Path) -> None:
    with _folder() as folder:
        shutil.copyfile(new_store, folder / "store.db")
        store = Store(f"sqlite:///{folder}/store.db")
        try:
            check(case, store, f"sqlite:///{folder}/mes.db")
        finally:
            store.close()


@pytest.mark.postgres
@settings(quick, max_examples=8, phases=(Phase.explicit, Phase.generate))
@given(case=cases(True))
def test_every_row_is_somewhere_on_postgresql(case: Case, postgres_server: sa.URL) -> None:
    name = f"test_{secrets.token_hex(6)}"
    store = Store(url := postgres_kit.make_store(postgres_server, name))
    try:
        check(case, store, url)
    finally:
        store.close()
        postgres_kit.drop_database(postgres_server, name)
