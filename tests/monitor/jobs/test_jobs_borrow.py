"""A machine without a baseline is compared with its sister's, from the same row on however readings come."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from spine_kit import Spine, after

from monitor.gate_models.rederive import recompute_findings
from monitor.pipeline.machines import load_memory
from monitor.store.database import tables as t
from monitor.store.database.database import Store

LIKE = {"m2: {step: form,": "m2: {step: form, like: m1,"}
SINCE, FAULT, END = 760, 830, 900
"""Minutes: when the new machine starts, when it begins to run hot, and the last reading. Its sister starts at 0, and
learns for good with 800 normal readings; its own baseline would be there at 860."""


def _spine(folder: Path, store: Store, changes: dict[str, str] | None = None) -> Spine:
    spine = Spine(folder, store, LIKE if changes is None else changes)
    heat = np.random.default_rng(1200).normal(3.0, 0.3, size=(2, END))
    heat[1, FAULT:] += 4.0
    rows = [("m1", after(n), after(n), float(heat[0, n])) for n in range(END)]
    rows += [("m2", after(n), after(n), float(heat[1, n])) for n in range(SINCE, END)]
    spine.rows("READINGS", *rows)
    return spine


def _run(spine: Spine, minutes: Sequence[int]) -> None:
    for minute in (*minutes, END):
        spine.run(spine.pull("readings"), after(minute))


def _told(spine: Spine) -> list[str]:
    """Findings of the new machine's score, in order."""
    f = t.finding.c
    with spine.store.read() as connection:
        rows = connection.execute(sa.select(t.finding).where(f.subject == "m2", f.detector == "anomaly")).all()
    return [repr((r.method, r.at, r.status, r.value, r.causes)) for r in sorted(rows, key=lambda r: (r.at, r.method))]


def _state(spine: Spine) -> str:
    with spine.store.read() as connection:
        memory = load_memory(connection, spine.plant, "m2")
    return json.dumps([d.save(s) for d, s in zip(memory.detectors, memory.states, strict=True)], sort_keys=True)


@pytest.mark.slow
def test_a_new_machine_is_judged_before_it_has_a_baseline(store: Store, tmp_path: Path) -> None:
    spine = _spine(tmp_path, store)
    _run(spine, ())
    ((_, machine, sister, _, until, _, content),) = spine.all(t.borrowed_baseline)
    assert (machine, sister) == ("m2", "m1")
    assert after(799) <= until < after(FAULT)
    assert set(content) == {"anomaly"}
    breaches = [line for line in _told(spine) if "condition_alarm" in line and "breach" in line]
    assert len(breaches) == 1
    with spine.store.read() as connection:
        at = connection.scalar(
            sa.select(t.finding.c.at).where(
                t.finding.c.subject == "m2", t.finding.c.method == "condition_alarm", t.finding.c.status == "breach"
            )
        )
    assert after(FAULT) <= at <= after(FAULT + 20)


@pytest.mark.slow
def test_without_a_sister_nothing_can_be_said_so_early(store: Store, tmp_path: Path) -> None:
    spine = _spine(tmp_path, store, {})
    _run(spine, ())
    assert not spine.all(t.borrowed_baseline)
    assert not [line for line in _told(spine) if "condition_alarm" in line and "breach" in line]


@pytest.mark.parametrize("minutes", [range(5, END, 31), (SINCE, 799, 800, 801, 802, 810, FAULT, 859, 861)])
@pytest.mark.slow
def test_how_readings_come_changes_nothing(store: Store, tmp_path: Path, minutes: Sequence[int]) -> None:
    whole = _spine(tmp_path, store)
    _run(whole, ())
    told, state = _told(whole), _state(whole)
    with store.write() as connection:
        for table in reversed(t.metadata.sorted_tables):
            connection.execute(table.delete())
    (tmp_path / "parts").mkdir()
    parts = _spine(tmp_path / "parts", store)
    _run(parts, minutes)
    assert (_told(parts), _state(parts)) == (told, state)


@pytest.mark.slow
def test_states_and_findings_are_made_again_as_they_were(store: Store, tmp_path: Path) -> None:
    spine = _spine(tmp_path, store)
    _run(spine, range(5, END, 31))
    state = _state(spine)
    again = [repr((f.method, f.at, f.status.value, f.value, list(f.causes)))
             for _, f in recompute_findings(store, spine.plant, "m2") if f.detector == "anomaly"]  # fmt: skip
    assert sorted(again) == sorted(_told(spine))
    for lost in (t.detector_state.c.detector == "anomaly", t.detector_state.c.detector == "last_values", sa.true()):
        with store.write() as connection:
            connection.execute(t.detector_state.delete().where(lost))
        assert _state(spine) == state
