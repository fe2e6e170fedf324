"""Random plants' lives: rows written, changed in place, refused, corrected, the plant file changed, tried again."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spine_kit import Spine, after
from test_jobs_retry import MISSING, corrected, retry

from monitor.store.database import tables as t
from monitor.store.database.schema import open_store

CELLS = (1.0, 2.0, "soft", "hard")
"""Two values, a text that the changed plant file can read (as missing), and one that no plant file can."""
SERIALS = ("A", "B")
OPERATIONS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(SERIALS), st.sampled_from(CELLS)),
    st.tuples(st.sampled_from(["pull", "retry"]), st.booleans()),
)
ROWS = "gatewatch_source_rows_total"
_MADE: list[Path] = []


def _new_spine() -> Spine:
    """A new store, copied from one made once."""
    folder = Path(tempfile.mkdtemp())
    if not _MADE:
        _MADE.append(Path(tempfile.mkdtemp()) / "made.db")
        open_store(f"sqlite:///{_MADE[0]}").close()
    shutil.copyfile(_MADE[0], folder / "store.db")
    return Spine(folder, open_store(f"sqlite:///{folder}/store.db"))


def _write(spine: Spine, serial: str, cell: Any, there: dict[str, Any]) -> None:
    """Write the row of a part, or change it in place."""
    if serial not in there:
        spine.part(serial, after(1), a=cell)
    else:
        value = repr(cell)
        spine.sql(f"UPDATE PARTS SET A = {value} WHERE SN = '{serial}'")
    there[serial] = cell


def _readable(cell: Any, changed: bool) -> bool:
    return not isinstance(cell, str) or (changed and cell == "soft")


def _check(spine: Spine, there: dict[str, Any], changed: bool) -> None:
    """After a pull: each row is in the store with its last word, or in quarantine with its last word."""
    q = t.quarantine.c
    with spine.store.read() as connection:
        query = sa.select(q.key, q.value).where(q.resolved_at.is_(None))
        refused = {(row.key, row.value) for row in connection.execute(query)}
        # Taken in under the changed plant file, it is in the store, whatever the plant file says later.
        taken_in = sa.select(q.key, q.value).where(q.resolution == "retried")
        known = {(row.key, row.value) for row in connection.execute(taken_in)}
    stored: dict[str, list[Any]] = {}
    for row in spine.all(t.part_step):
        stored.setdefault(row.serial, []).append((row.revision, row.values.get("a")))
    for serial, cell in there.items():
        entries = {value for key, value in refused if f'"{serial}"' in key}
        if _readable(cell, changed):
            assert entries == set(), serial
            last = max(stored[serial])[1]
            assert last == (None if isinstance(cell, str) else cell), serial
        else:
            assert f'"{cell}"' in entries | {value for key, value in known if f'"{serial}"' in key}, serial
    for serial, revisions in stored.items():
        assert [number for number, _ in revisions] == list(range(len(revisions))), serial
    decided = spine.all(t.decision, "serial")
    assert sorted(decided) == sorted(stored), "one decision a part"
    counted = {o: spine.tally(ROWS, source="parts", outcome=o) for o in ("accepted", "corrected", "quarantined")}
    assert counted["accepted"] == len(stored)
    assert counted["accepted"] + counted["corrected"] == sum(map(len, stored.values()))
    assert counted["quarantined"] == len(spine.all(t.quarantine))


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(OPERATIONS, min_size=2, max_size=9))
@pytest.mark.slow
def test_every_row_is_where_its_last_word_belongs(operations: list[tuple[Any, ...]]) -> None:
    spine = _new_spine()
    there: dict[str, Any] = {}
    plants = {False: spine, True: corrected(spine, MISSING)}
    try:
        for operation in operations:
            if operation[0] == "write":
                _write(spine, operation[1], operation[2], there)
                continue
            plant = plants[operation[1]]
            if operation[0] == "retry":
                retry(plant, "parts", after(3))
            plant.run(plant.pull("parts"), after(4))
            _check(spine, there, operation[1])
    finally:
        for plant in plants.values():
            plant.close()
        spine.store.close()
        shutil.rmtree(spine.folder)
