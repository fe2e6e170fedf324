"""The suite that every stream detector passes; a test module calls `cases` and runs `CHECKS` on each."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from monitor.model import Finding, MachineBatch, Status
from monitor.ports import StreamDetector


@dataclass(frozen=True)
class History:
    """Rows of a machine, and a fresh detector for them; two calls of `detector` make equal ones."""

    name: str
    batch: MachineBatch
    detector: Callable[[], StreamDetector]


def cut(batch: MachineBatch, start: int, stop: int) -> MachineBatch:
    """Rows [start, stop) of a batch."""
    return MachineBatch(
        batch.machine,
        batch.sensors,
        batch.at[start:stop],
        batch.values[start:stop],
        batch.states[start:stop],
        batch.recipes[start:stop],
        batch.offset + start,
    )


def run(
    detector: StreamDetector, batch: MachineBatch, cuts: Sequence[int] = (), saving: bool = False
) -> tuple[list[Finding], str, Any]:
    """Findings, saved state as text and state after the batch, split at `cuts`, saved and restored between if asked."""
    state, findings = detector.start(), []
    edges = [0, *sorted(cuts), len(batch)]
    for start, stop in itertools.pairwise(edges):
        state, found = detector.observe(state, cut(batch, start, stop))
        findings += found
        if saving:
            state = detector.restore(json.loads(as_text(detector, state)))
    return findings, as_text(detector, state), state


def as_text(detector: StreamDetector, state: Any) -> str:
    """The saved state as the store writes it: JSON without NaN."""
    return json.dumps(detector.save(state), sort_keys=True, allow_nan=False)


def check_any_split_gives_the_same(history: History, cuts: Sequence[int]) -> None:
    """Findings, final state and latest findings do not depend on where the rows were cut."""
    whole = run(history.detector(), history.batch)
    parts = run(history.detector(), history.batch, cuts)
    assert parts[:2] == whole[:2]
    assert history.detector().current(parts[2]) == history.detector().current(whole[2])


def check_save_and_restore_change_nothing(history: History, cuts: Sequence[int]) -> None:
    """A state that went through JSON at any row goes on exactly as one that did not."""
    assert run(history.detector(), history.batch, cuts, saving=True)[:2] == run(history.detector(), history.batch)[:2]


def check_the_batch_is_not_changed(history: History) -> None:
    """The values handed over are the values afterwards."""
    before = history.batch.values.copy()
    run(history.detector(), history.batch)
    np.testing.assert_array_equal(history.batch.values, before)


def check_an_empty_batch_changes_nothing(history: History) -> None:
    """No rows: no finding, no change."""
    detector = history.detector()
    _, before, state = run(detector, history.batch)
    state, found = detector.observe(state, cut(history.batch, 0, 0))
    assert (list(found), as_text(detector, state)) == ([], before)


def check_findings_are_sound(history: History) -> None:
    """Finite numbers, rows of the batch in order, times of those rows, and a change of status each."""
    detector = history.detector()
    findings, _, state = run(detector, history.batch)
    latest: dict[tuple[str, str, str], Status] = {}
    for finding in findings:
        row = finding.row - history.batch.offset
        assert 0 <= row < len(history.batch)
        assert abs(finding.at.timestamp() - history.batch.at[row] / 1e9) < 1e-3
        key = (finding.subject, finding.method, finding.feature)
        assert latest.get(key, Status.NO_DATA) is not finding.status
        latest[key] = finding.status
    assert [f.row for f in findings] == sorted(f.row for f in findings)
    for finding in [*findings, *detector.current(state)]:
        assert finding.detector == detector.name
        assert finding.subject == history.batch.machine
        assert all(number is None or math.isfinite(number) for number in (finding.value, finding.limit))
        assert set(finding.causes) <= set(history.batch.sensors)
    now = {(f.subject, f.method, f.feature): f.status for f in detector.current(state)}
    assert {key: now[key] for key in latest} == latest


def check_before_the_first_row_there_is_no_data(history: History) -> None:
    """Everything judged is listed from the start, and nothing of it is OK."""
    detector = history.detector()
    now = detector.current(detector.start())
    assert {f.status for f in now} == {Status.NO_DATA}
    _, _, state = run(detector, history.batch)
    assert [(f.method, f.feature) for f in now] == [(f.method, f.feature) for f in detector.current(state)]


def check_a_damaged_state_is_refused(history: History, refused: Callable[[Callable[[], Any]], None]) -> None:
    """Another version, or a missing key at any depth of maps, is a ValueError; `refused` asserts it."""
    detector = history.detector()
    saved = json.loads(run(detector, history.batch)[1])
    refused(lambda: detector.restore({}))
    refused(lambda: detector.restore({**saved, "version": saved["version"] + 1}))
    refused(lambda: detector.restore({**saved, "identity": "another machine"}))
    for key in saved:
        refused(lambda key=key: detector.restore({k: v for k, v in saved.items() if k != key}))
