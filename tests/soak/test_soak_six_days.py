"""Six days of history, 100,000 rows: undisturbed, and with two hundred SIGKILLs at random instants.

Nothing is lost, nothing doubled, decisions are the same, and memory does not grow with history. Two sources feed one of
the machines, and rows are tried again from quarantine meanwhile.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from fork_kit import ended, forked
from plant_kit import START, advice, contents, copied
from soak_plant import corrections, posted_readings
from soak_runs import HOURS, SOAK, Cost, Told, counted_once, measured, replay_all, retried, share_done
from waits import HANGS

from monitor.plant.file.load import load

KILLS = 200
_LAST = 0.93
"""Share of the history to be done at the last kill: kills are spread over all of it, and it never ends before them."""
_RETRY_SECONDS = 0.1
"""A tenth of the kills come within this time of the begin of a retry."""
_ALLOWED_BYTES = 48 * 1024 * 1024
"""What allocators and caches may differ by; five more days of readings in memory would take several times that."""


def _start(plant: Path) -> tuple[int, int]:
    """A process that goes on with the replay, and a pipe: `.` once it served its first new slot, `<` and `>` around
    each retry."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)

    def work() -> None:
        os.close(reader)
        says = [partial(os.write, writer, sign) for sign in (b".", b"<", b">")]
        replay_all(plant, HOURS, Told(*says))

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


def _wait_for(reader: int, signs: bytes) -> bytes:
    """What the process said up to one of the signs."""
    said = b""
    while not any(sign in said for sign in signs):
        assert select.select([reader], [], [], HANGS)[0], "the process served no slot"
        more = os.read(reader, 1000)
        assert more, "the process ended"
        said += more
    return said


def _one_kill(plant: Path, pace: float, draw: random.Random) -> tuple[int, bool]:
    """The exit code of the process that was killed, and whether it was within a retry from quarantine."""
    pid, reader = _start(plant)
    said, chance = b"", draw.random()
    try:
        if chance < 0.1:
            code = _kill_after(pid, draw.uniform(0, 0.5))  # at the start, before or within the first slot
        elif chance < 0.2:
            said = _wait_for(reader, b"<")
            code = _kill_after(pid, draw.uniform(0, _RETRY_SECONDS))
        else:
            said = _wait_for(reader, b".<")
            code = _kill_after(pid, draw.uniform(0, 2 * pace))
        return code, _last_of(said, reader).endswith(b"<")
    finally:
        os.close(reader)


def _last_of(said: bytes, reader: int) -> bytes:
    more = os.read(reader, 1000)
    return (said + more).replace(b".", b"")


@pytest.mark.soak
@pytest.mark.timeout(1500)
def test_two_hundred_random_kills_lose_nothing_and_double_nothing(
    trained: Path, undisturbed: tuple[Path, Cost], tmp_path: Path
) -> None:
    whole, cost = undisturbed
    plant = copied(trained, tmp_path / "plant")
    draw = random.Random(20261122)
    began, within_retries = time.perf_counter(), 0
    for kill in range(KILLS):
        # As long as the undisturbed run needs to reach the share that is due by now; at once when it is reached.
        due = _LAST * (kill + 1) / KILLS - share_done(plant, HOURS)
        pace = cost.seconds * max(due, 0.0)
        code, within = _one_kill(plant, pace, draw)
        within_retries += within
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
    codes = load(plant, SOAK).plant.sources["historian"].machine.codes  # type: ignore[attr-defined]
    posted = posted_readings(plant, codes, START + timedelta(hours=HOURS))
    assert len(found["readings"]) == posted >= 100_000
    again = retried(plant)
    assert again == retried(whole)
    assert min(again["mes"], again["condition"]) > 200  # seven parts or more of each of the 35 corrections
    assert within_retries > 5
    print(
        f"{KILLS} kills over {rows} rows, {within_retries} of them within a retry from quarantine: 0 lost, 0 doubled, "
        f"{len(expected['decisions'])} decisions equal; taken in by retries: {again}; "
        f"{seconds:.0f} s, undisturbed {cost.seconds:.0f} s; {share:.0%} of the history done at the last kill"
    )


@pytest.mark.soak
def test_six_days_of_replay_need_no_more_memory_than_one(
    trained: Path, undisturbed: tuple[Path, Cost], tmp_path: Path
) -> None:
    plant = copied(trained, tmp_path / "plant")
    # Under as many plant files as the six days: what each of them leaves behind is not history.
    files = sum(1 for _ in corrections(HOURS))
    one = measured(lambda: [replay_all(plant, 24.0 * (number + 1) / files) for number in range(files)])
    _, six = undisturbed
    print(
        f"peak memory: {one.peak_bytes / 2**20:.0f} MiB after 1 day, {six.peak_bytes / 2**20:.0f} after {HOURS:.0f} h"
    )
    assert six.peak_bytes - one.peak_bytes < _ALLOWED_BYTES
