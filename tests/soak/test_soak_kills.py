"""Two hundred SIGKILLs at random instants over 100,000 rows: nothing lost, nothing doubled, decisions the same."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest
from fork_kit import ended, forked
from plant_kit import START, advice, contents, copied
from soak_runs import HOURS, Cost, counted_once, posted_readings, replay_all, share_done
from waits import HANGS

KILLS = 200
_LAST = 0.93
"""Share of the history to be done at the last kill: kills are spread over all of it, and it never ends before them."""


def _start(plant: Path) -> tuple[int, int]:
    """A process that goes on with the replay, and a pipe that can be read once it served its first new slot."""
    reader, writer = os.pipe()

    def work() -> None:
        os.close(reader)
        replay_all(plant, HOURS, lambda: os.write(writer, b"."))

    pid = forked(work)
    os.close(writer)
    return pid, reader


def _kill_after(pid: int, seconds: float) -> int:
    """Let the process work that long and kill it; its exit code."""
    watched = os.pidfd_open(pid)
    select.select([watched], [], [], seconds)
    os.kill(pid, signal.SIGKILL)
    os.close(watched)
    return ended(pid)


def _one_kill(plant: Path, pace: float, draw: random.Random) -> int:
    pid, reader = _start(plant)
    try:
        if draw.random() < 0.1:
            return _kill_after(pid, draw.uniform(0, 0.5))  # at the start, before or within the first slot
        assert select.select([reader], [], [], HANGS)[0], "the process served no slot"
        return _kill_after(pid, draw.uniform(0, 2 * pace))
    finally:
        os.close(reader)


@pytest.mark.soak
@pytest.mark.timeout(1000)
def test_two_hundred_random_kills_lose_nothing_and_double_nothing(
    trained: Path, undisturbed: tuple[Path, Cost], tmp_path: Path
) -> None:
    whole, cost = undisturbed
    plant = copied(trained, tmp_path / "plant")
    draw = random.Random(20261122)
    began = time.perf_counter()
    for kill in range(KILLS):
        # As long as the undisturbed run needs to reach the share that is due by now; at once when it is reached.
        due = _LAST * (kill + 1) / KILLS - share_done(plant, HOURS)
        pace = cost.seconds * max(due, 0.0)
        code = _one_kill(plant, pace, draw)
        assert code == -signal.SIGKILL, f"after {kill} kills a process ended by itself with {code}"
    share = share_done(plant, HOURS)
    assert ended(forked(lambda: replay_all(plant, HOURS))) == 0
    seconds = time.perf_counter() - began

    expected, found = contents(whole), contents(plant)
    for table in expected:
        assert found[table] == expected[table], f"{table} differs after {KILLS} kills"
    assert counted_once(plant) == counted_once(whole)
    assert advice(plant) == advice(whole)
    # Keys of recommendations are JSON lists, those of notifications are not.
    recommended = [row for row in expected["outbox"] if json.loads(row)[0].startswith("[")]
    assert len(advice(plant)) == len(expected["decisions"]) == len(recommended) > 2000
    rows = sum(len(expected[table]) for table in ("readings", "parts", "outcomes"))
    assert len(found["readings"]) == posted_readings(plant, START + timedelta(hours=HOURS)) >= 100_000
    print(
        f"{KILLS} kills over {rows} rows: 0 lost, 0 doubled, {len(expected['decisions'])} decisions equal; "
        f"{seconds:.0f} s, undisturbed {cost.seconds:.0f} s; {share:.0%} of the history done at the last kill"
    )
