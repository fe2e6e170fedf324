"""A process killed while it tries rows again, and two that do so at once: each row once, as if nobody had disturbed."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cli_kit import gatewatch, start
from fork_kit import ended, forked
from spine_kit import HOLDER, PLANT, T0, Spine, after

from monitor.connecting.said import SAID
from monitor.model import RejectReason
from monitor.plant.file.load import parse
from monitor.scheduling.job import Run
from monitor.sources.transports import open_source
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import acquire
from monitor.store.database.schema import open_store
from monitor.store.rows.refusals import ask_again

pytestmark = pytest.mark.process
COLD = {"values: {heat: HEAT}": "values: {heat: {column: HEAT, missing: [cold]}}"}
"""A correction of the plant file by which the text 'cold' can be read."""


def made(folder: Path, store: Store) -> Spine:
    """Readings of two machines, every third of which cannot be read, and parts likewise."""
    spine = Spine(folder, store)
    for n in range(18):
        spine.reading(f"m{1 + n % 2}", after(n), "cold" if n % 3 == 0 else 5.0)
    spine.run(spine.pull("readings"), after(30))
    return spine


def tried_again(folder: Path, url: str) -> None:
    """Another try under the corrected plant file, in batches of two rows."""
    store = Store(url)
    spine = object.__new__(Spine)
    spine.folder, spine.store = folder, store
    text = PLANT.replace(*next(iter(COLD.items())))
    spine.plant = parse(text, folder, {}).plant
    spine.sources = {n: open_source(n, c, spine.plant) for n, c in spine.plant.sources.items()}
    with store.write() as connection:
        ask_again(connection, ("readings",), after(40))
    job = spine.pull("readings", batch_rows=2)
    lease = acquire(store, job.name, HOLDER, 60.0)
    assert lease is not None
    job.retry(Run(after(40), after(40), lease, lambda: None, lambda: False))
    store.close()


def contents(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    q, r, w, y = t.quarantine.c, t.reading.c, t.machine_window, t.tally
    queries = {
        "readings": sa.select(r.arrival, r.machine, r.at, r.revision, r["values"]).order_by(r.arrival),
        "quarantine": sa.select(q.key, q.resolution, q.asked_at, q.resolved_at).order_by(q.id),
        "windows": sa.select(w).order_by(*w.primary_key),
        "tallies": sa.select(y).order_by(*y.primary_key),
    }
    with store.read() as connection:
        return {name: [tuple(row) for row in connection.execute(query)] for name, query in queries.items()}


@pytest.mark.parametrize(
    ("point", "nth"), [("after_inference", 1), ("before_commit", 2), ("after_commit", 1), ("after_commit", 3)]
)
def test_killed_anywhere_every_row_is_taken_in_once(point: str, nth: int, store_url: str, tmp_path: Path) -> None:
    store = open_store(store_url)
    spine = made(tmp_path, store)
    before = len(spine.all(t.reading))
    store.engine.dispose()
    assert ended(forked(lambda: tried_again(tmp_path, store_url), {"GATEWATCH_FAILPOINT": f"{point}:{nth}"})) == (
        -signal.SIGKILL
    )
    taken_in = len(spine.all(t.reading)) - before
    assert taken_in == 2 * (nth - (point != "after_commit"))
    left = sum(1 for row in spine.all(t.quarantine) if row.resolved_at is None)
    assert left == 6 - taken_in, "a row leaves the quarantine with its acceptance"
    store.engine.dispose()
    assert ended(forked(lambda: tried_again(tmp_path, store_url))) == 0
    spine.detect(after(1000))
    found = contents(store)
    assert [row[2] for row in found["readings"] if row[1] == "m1"][-3:] == [after(0), after(6), after(12)]
    assert len(found["readings"]) == before + 6
    assert {row[1] for row in found["quarantine"]} == {"retried"}
    assert spine.tally("gatewatch_source_rows_total", source="readings", outcome="accepted") == before + 6
    assert spine.tally("gatewatch_source_resolved_rows_total", source="readings", resolution="retried") == 6
    assert sum(row[3] for row in found["windows"]) == before + 6
    spine.close()
    store.close()


def _written(folder: Path, changes: Mapping[str, str]) -> Path:
    text = PLANT
    for old, new in changes.items():
        text = text.replace(old, new)
    (folder / "plant.yaml").write_text(text)
    return folder / "plant.yaml"


@pytest.fixture
def refused(tmp_path: Path) -> Path:
    """A plant file beside a store with 200 readings in quarantine, three of them for another reason."""
    plant = _written(tmp_path, {})
    spine = Spine(tmp_path, open_store(f"sqlite:///{tmp_path}/gatewatch.db"))
    now = T0 + timedelta(minutes=300)
    rows = [(f"m{1 + n % 2}", after(n), after(n), "cold") for n in range(197)]
    spine.rows("READINGS", *rows, *((f"m{n}", after(n), after(n), 1.0) for n in (7, 8, 9)))
    spine.run(spine.pull("readings"), now)
    with spine.store.write() as connection:
        connection.execute(t.lease.delete())
    spine.close()
    spine.store.close()
    return plant


def test_the_list_counts_and_shows_the_offending_value(refused: Path) -> None:
    said = gatewatch("quarantine", "list", "-p", refused, at=after(400))
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[:2] == ["readings: 197 rows refused: not_a_number", "readings: 3 rows refused: unknown_machine"]
    assert len(lines) == 2 + 4
    assert sum('HEAT: "cold" is not a number  (197 rows, newest {' in line for line in lines) == 1
    assert sum('EQ: "m7" is no machine of the plant file  ({"AT"' in line for line in lines) == 1
    rows = json.loads(gatewatch("quarantine", "list", "-p", refused, "--newest", "200", "--json", at=after(400)).out)
    assert {(row["column"], row["value"]) for row in rows} >= {("HEAT", '"cold"'), ("EQ", '"m7"')}
    assert rows[0]["row"]["HEAT"] in ("cold", "1.0")


def test_a_retry_says_what_it_took_in_and_why_the_others_stay(refused: Path) -> None:
    _written(refused.parent, COLD)
    said = gatewatch("quarantine", "retry", "readings", "-p", refused, at=after(400))
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == ["taken in: 197 rows of 200", "still refused: 3 rows: unknown_machine"]
    again = json.loads(gatewatch("quarantine", "retry", "-p", refused, "--json", at=after(401)).out)
    assert again == {"asked": 3, "taken_in": 0, "refused": {"unknown_machine": 3}, "elsewhere": 0, "waiting": 0}
    assert "3 rows refused" in gatewatch("quarantine", "list", "-p", refused, at=after(402)).out


def test_two_retries_at_once_take_in_each_row_once(refused: Path) -> None:
    _written(refused.parent, COLD)
    both = [start("quarantine", "retry", "-p", refused, "--json", at=after(400)) for _ in range(2)]
    said = [one.end() for one in both]
    assert [one.code for one in said] == [0, 0], [one.err for one in said]
    store = Store(f"sqlite:///{refused.parent}/gatewatch.db")
    found = contents(store)
    store.close()
    assert len(found["readings"]) == len({row[1:3] for row in found["readings"]}) == 197
    assert {row[3] for row in found["readings"]} == {0}
    assert sum(json.loads(one.out)["taken_in"] for one in said) == 197
    assert all(json.loads(one.out)["waiting"] == 0 for one in said)


def _impatient() -> None:
    from monitor.runtime import retry

    retry._patience = lambda *_: 0.0  # type: ignore[assignment]


def test_rows_that_another_process_pulls_wait_for_it(refused: Path) -> None:
    _written(refused.parent, COLD)
    store = Store(f"sqlite:///{refused.parent}/gatewatch.db")
    theirs = {"name": "pull:readings", "holder": "forge:42", "fence": 9, "expires_at": 1e12}
    with store.write() as connection:
        connection.execute(t.lease.insert(), [theirs])
    said = gatewatch("quarantine", "retry", "-p", refused, before=_impatient, at=after(400))
    assert said.code == 0, said.err
    taken_in, waiting = said.out.splitlines()
    assert taken_in == "taken in: 0 rows of 200"
    assert waiting.startswith("waiting: 200 rows; the process that runs the plant tries them at its next pull")
    assert "SIGHUP" in waiting
    with store.write() as connection:
        connection.execute(t.lease.delete())
    store.close()
    assert gatewatch("once", refused, at=after(402)).code == 0, "the next pull does what was asked for"
    assert "3 rows refused" in gatewatch("quarantine", "list", "-p", refused, at=after(403)).out


def test_an_unknown_source_is_one_sentence(refused: Path) -> None:
    said = gatewatch("quarantine", "retry", "reading", "-p", refused, at=after(400))
    assert said.code == 2
    assert "the plant file has no such source; it has parts, readings" in said.err


def test_every_reason_has_its_words() -> None:
    assert set(SAID) == {reason.value for reason in RejectReason}
