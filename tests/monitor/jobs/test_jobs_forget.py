"""A machine's baseline starts anew: now, in the process that runs, and whenever states are rebuilt from history."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from fork_kit import ended, forked
from spine_kit import Spine, after

from monitor.clock import SimulatedClock
from monitor.errors import UsageError
from monitor.gate_models.rederive import recompute_findings
from monitor.jobs.detect import Asked, detect_jobs
from monitor.pipeline.machines import load_memory
from monitor.runtime.forgetting import forget_baseline
from monitor.scheduling.runner import Runner, SlotOutcome
from monitor.store.clock import settle
from monitor.store.database import tables as t
from monitor.store.database.database import Store

ASKED = Asked("m1", None, "new bearing", "Ada")
BEFORE, LATER = 180, 200
"""Readings a minute apart before the overhaul, and after it, when the machine runs hotter."""


def _feed(spine: Spine, start: int, stop: int, level: float) -> None:
    noise = np.random.default_rng(start).normal(size=(2, stop - start))
    rows = [
        (f"m{1 + m}", after(start + n), after(start + n), level + 0.3 * float(noise[m, n]))
        for n in range(stop - start)
        for m in range(2)
    ]
    spine.rows("READINGS", *rows)


@pytest.fixture
def learnt(store: Store, tmp_path: Path) -> Iterator[Spine]:
    """Both machines have a baseline, and run hotter since half an hour."""
    spine = Spine(tmp_path, store)
    _feed(spine, 0, BEFORE, 3.0)
    spine.run(spine.pull("readings"), after(BEFORE))
    _feed(spine, BEFORE, BEFORE + 30, 7.0)
    spine.run(spine.pull("readings"), after(BEFORE + 30))
    yield spine
    spine.close()


def _status(spine: Spine) -> dict[str, str]:
    b = t.board.c
    with spine.store.read() as connection:
        rows = connection.execute(sa.select(b.subject, b.status).where(b.method == "condition"))
        return {subject: status for subject, status in rows if subject in ("m1", "m2")}


def _forget(spine: Spine, asked: Asked = ASKED) -> None:
    forget_baseline(spine.store, spine.plant, asked, after(BEFORE + 31))


def _go_on(spine: Spine) -> None:
    _feed(spine, BEFORE + 30, BEFORE + LATER, 7.0)
    spine.run(spine.pull("readings"), after(BEFORE + LATER))


def _states(spine: Spine, machine: str = "m1") -> list[str]:
    """As they are in memory after a start."""
    with spine.store.read() as connection:
        memory = load_memory(connection, spine.plant, machine)
    states = (d.save(state) for d, state in zip(memory.detectors, memory.states, strict=True))
    return [json.dumps(state, sort_keys=True) for state in states]


def _line(arrival: int, f: Any) -> str:
    numbers = [None if number is None else float(number) for number in (f.value, f.limit)]
    return repr((arrival, f.detector, f.method, f.feature, f.at, str(f.status), *numbers, list(f.causes)))


def _stored_and_again(spine: Spine, machine: str = "m1") -> tuple[list[str], list[str]]:
    with spine.store.read() as connection:
        f = t.finding.c
        stored = connection.execute(sa.select(t.finding).where(f.subject == machine, f.detector != "reconciliation"))
        lines = sorted(_line(row.arrival, row) for row in stored)
    return lines, sorted(_line(arrival, f) for arrival, f in recompute_findings(spine.store, spine.plant, machine))


@pytest.mark.slow
def test_what_was_learnt_counts_no_more_and_the_reason_is_on_record(learnt: Spine) -> None:
    assert _status(learnt) == {"m1": "breach", "m2": "breach"}
    _forget(learnt)
    assert _status(learnt) == {"m1": "cannot_judge", "m2": "breach"}, "at once, and of this machine only"
    ((*_, machine, recipe, until, at, reason, person),) = learnt.all(t.forgotten_baseline)
    assert (machine, recipe, reason, person) == ("m1", None, "new bearing", "Ada")
    assert (until, at) == (after(BEFORE + 29), after(BEFORE + 31))
    _go_on(learnt)
    assert _status(learnt) == {"m1": "ok", "m2": "breach"}


@pytest.mark.slow
def test_states_that_are_rebuilt_from_history_do_not_learn_it_again(learnt: Spine) -> None:
    _forget(learnt)
    states = _states(learnt)
    with learnt.store.write() as connection:
        connection.execute(t.detector_state.delete())
    assert _states(learnt) == states
    _forget(learnt)  # twice, as is allowed
    states = _states(learnt)
    with learnt.store.write() as connection:
        connection.execute(t.detector_state.delete())
    assert _states(learnt) == states
    _go_on(learnt)
    states = _states(learnt)
    for lost in (t.detector_state.c.detector == "anomaly", t.detector_state.c.detector == "last_values", sa.true()):
        with learnt.store.write() as connection:
            connection.execute(t.detector_state.delete().where(lost))
        assert _states(learnt) == states
    assert _status(learnt)["m1"] == "ok"


def test_findings_are_made_again_as_they_were(learnt: Spine) -> None:
    _forget(learnt)
    _go_on(learnt)
    _forget(learnt)
    for machine in ("m1", "m2"):
        stored, again = _stored_and_again(learnt, machine)
        assert stored == again
    assert sum("(0, 'anomaly'" in line for line in _stored_and_again(learnt)[0]) == 8


@pytest.mark.process
@pytest.mark.parametrize(("point", "done"), [("before_commit", False), ("after_commit", True)])
def test_a_kill_halfway_leaves_all_of_it_or_nothing(point: str, done: bool, learnt: Spine) -> None:
    before = (_states(learnt), _status(learnt))
    learnt.store.engine.dispose()
    assert ended(forked(lambda: _forget(learnt), {"GATEWATCH_FAILPOINT": point})) == -signal.SIGKILL
    assert len(learnt.all(t.forgotten_baseline)) == done
    assert (_status(learnt)["m1"] == "cannot_judge") is done
    assert ((_states(learnt), _status(learnt)) == before) is not done
    stored, again = _stored_and_again(learnt)
    assert stored == again


@pytest.mark.slow
def test_a_process_that_runs_the_plant_goes_on_with_the_new_baseline(learnt: Spine) -> None:
    with learnt.store.write() as connection:
        connection.execute(t.lease.delete())
    clock = SimulatedClock(after(BEFORE + 40))
    runner = Runner(learnt.store, clock, "service", timedelta(minutes=5))
    (job,) = detect_jobs(learnt.store, learnt.plant)
    assert runner.run(job, clock.now()).outcome is SlotOutcome.SUCCESS
    assert runner.lease(job) is not None, "held, and renewed at every slot"
    _forget(learnt)
    _feed(learnt, BEFORE + 30, BEFORE + LATER, 7.0)
    pull = learnt.pull("readings")
    learnt.pull_only(pull, after(BEFORE + LATER))
    learnt.record_pull(pull, after(BEFORE + LATER + 15))
    clock.move_to(after(BEFORE + LATER + 15))
    outcomes = [runner.run(job, clock.now()).outcome for _ in range(2)]
    assert outcomes == [SlotOutcome.ANOTHER_PROCESS, SlotOutcome.SUCCESS], "its late write is refused, then done again"
    assert _status(learnt) == {"m1": "ok", "m2": "breach"}
    stored, again = _stored_and_again(learnt)
    assert stored == again


def test_it_stays_forgotten_when_the_clock_is_set_back(learnt: Spine) -> None:
    _forget(learnt)
    now = after(BEFORE + 10)
    with learnt.store.write() as connection:
        settle(connection, now, timedelta(seconds=30))
    (row,) = learnt.all(t.forgotten_baseline)
    assert row.until == after(BEFORE - 1), "what is judged still"
    assert json.loads(_states(learnt)[1])["baselines"] == []


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (ASKED._replace(machine="m9"), "machine 'm9': the plant file has no such machine; it has m1, m2"),
        (ASKED._replace(recipe="R7"), "recipe 'R7': nothing has been learnt of it on machine 'm1', only of ''"),
    ],
    ids=["machine", "recipe"],
)
@pytest.mark.slow
def test_what_is_not_known_is_one_sentence(asked: Asked, words: str, learnt: Spine) -> None:
    with pytest.raises(UsageError) as caught:
        _forget(learnt, asked)
    assert str(caught.value) == words
    assert learnt.all(t.forgotten_baseline) == []
    _go_on(learnt)  # the lease was given back


def test_a_machine_without_readings_has_nothing_to_forget(store: Store, tmp_path: Path) -> None:
    spine = Spine(tmp_path, store)
    with pytest.raises(UsageError, match="machine 'm1': nothing has been learnt of it yet"):
        _forget(spine)
    spine.close()
