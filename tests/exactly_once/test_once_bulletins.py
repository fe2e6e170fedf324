"""Killed around a handover or a report: each is told once, under the same id, and its page is there."""

from __future__ import annotations

import json
import shutil
import signal
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from fork_kit import ended, forked
from plant_kit import START, copied
from run_kit import once

from monitor.clock import SimulatedClock
from monitor.plant.file.load import load
from monitor.reports import scheduled
from monitor.reports.scheduled_child import render_folder
from monitor.runtime.app import make_app
from monitor.scheduling.runner import SlotOutcome
from monitor.store.database import tables as t
from monitor.store.database.schema import open_existing, open_store

pytestmark = pytest.mark.process

SETTINGS = (
    "time_zone=Europe/Berlin", "store.lease=1s", "notify.every=1m", "notify.handover=[operators, engineers]",
    'shifts=[{name: early, start: "06:00", end: "14:00"}, {name: late, start: "14:00", end: "22:00"}]',
    'reports.daily={at: "14:00", teams: [engineers]}',
)  # fmt: skip
TIMES = [timedelta(0), timedelta(hours=6, minutes=59), timedelta(hours=7), timedelta(hours=7, minutes=1)]
"""Since 07:00 in Berlin; the late shift begins and the report is due at the third."""
WANTED = Counter(
    {
        "operators:handover:20260302T130000Z": 1,
        "engineers:handover:20260302T130000Z": 1,
        "engineers:daily:20260302T130000Z": 1,
    }
)


def made(untrained: Path, folder: Path) -> Path:
    """A plant on an empty store."""
    file = copied(untrained, folder)
    store = once("store", lambda at: open_store(f"sqlite:///{at}/store.db").close())
    shutil.copy(store / "store.db", folder / "gatewatch.db")
    return file


def tell(plant: Path) -> None:
    """The slots of the two jobs that tell, from where the store stands."""
    # Without a child, whose imports take seconds.
    scheduled.render = lambda _, folder, *__: render_folder(folder)
    clock = SimulatedClock(START)
    app = make_app(load(plant, SETTINGS), clock, simulated=True)
    jobs = [next(job for job in app.jobs if job.name == name) for name in ("bulletins", "notify")]
    for since in TIMES:
        clock.move_to(START + since)
        for job in jobs:
            while (slot := app.runner.run(job, clock.now())).outcome is SlotOutcome.ANOTHER_PROCESS:
                app.runner.stop.wait(0.05)  # the lease of the one that was killed
            assert slot.error is None, slot.error
    app.close()


def told(plant: Path) -> tuple[Counter[str], Counter[str]]:
    """How often each message is in the outbox, and how often in the log."""
    store = open_existing(load(plant, SETTINGS).plant.store.url)
    with store.read() as connection:
        keys = Counter(connection.execute(sa.select(t.outbox.c.key)).scalars())
        waiting = connection.execute(sa.select(t.outbox.c.key).where(t.outbox.c.status != "sent")).all()
    store.close()
    assert waiting == []
    lines = (plant.parent / "notifications.jsonl").read_text().splitlines()
    return keys, Counter(json.loads(line)["id"] for line in lines)


@pytest.mark.parametrize(
    "point", ["during_bulletin:1", "during_bulletin:2", "before_notification_sent:1", "after_notification_sent:2"]
)
def test_killed_around_a_bulletin_each_is_told_once(point: str, untrained: Path, tmp_path: Path) -> None:
    plant = made(untrained, tmp_path / "plant")
    assert ended(forked(lambda: tell(plant), {"GATEWATCH_FAILPOINT": point})) == -signal.SIGKILL
    assert ended(forked(lambda: tell(plant))) == 0
    keys, log = told(plant)
    assert keys == WANTED
    assert set(log) == set(WANTED)
    # The lines of one round of the log may come again, under the same ids.
    assert (log - WANTED).total() <= 3
    reports = [path.name for path in (plant.parent / "reports" / "plant").iterdir()]
    assert reports == ["daily-2026-03-02-1400.html"]
