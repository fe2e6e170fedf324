"""Killed around a notification: nothing is lost, and what is told again comes under the same id."""

from __future__ import annotations

import json
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from andon import Andon
from fork_kit import ended, forked
from plant_kit import START, copied
from run_kit import once

from exporters.delivery.channels.apprise import accepts
from monitor.clock import SimulatedClock
from monitor.plant.file.load import load
from monitor.runtime.app import make_app
from monitor.scheduling.runner import SlotOutcome
from monitor.store.database import tables as t
from monitor.store.database.schema import open_existing, open_store

pytestmark = pytest.mark.process

# By minute what the evaluation writes: alerts that fire, and alerts that end.
STORY = {
    0: (["m1", "m2"], []),
    10: (["m3"], []),
    20: ([], ["m1"]),
    30: (["m4"], ["m2", "m3"]),
    40: ([], ["m4"]),
    50: ([], []),
    60: (["m1"], []),
    70: ([], []),
}
SETTINGS = (
    "notify.urls_file=notify.urls", "store.lease=1s", "notify.every=10m", "notify.group_interval=5m",
    "notify.settle=5m",
)  # fmt: skip


@pytest.fixture
def andon() -> Iterator[Andon]:
    """A service that takes notifications."""
    server = Andon()
    yield server
    server.close()


def made(untrained: Path, folder: Path, andon: Andon) -> Path:
    """A plant whose operators are told by two URLs and whose engineers by one; the plugins that send are imported."""
    file = copied(untrained, folder)
    shutil.copy(
        once("store", lambda at: open_store(f"sqlite:///{at}/store.db").close()) / "store.db", folder / "gatewatch.db"
    )
    assert accepts(andon.url)
    (folder / "notify.urls").write_text(f"operators {andon.url}\noperators {andon.url}\nengineers {andon.url}\n")
    return file


def tell(plant: Path) -> None:
    """Go through the story from where the store stands; the alerts' rows are written once."""
    clock = SimulatedClock(START)
    app = make_app(load(plant, SETTINGS), clock, simulated=True, notify=True)
    job = next(job for job in app.jobs if job.name == "notify")
    for minute in STORY:
        clock.move_to(START + timedelta(minutes=minute))
        with app.store.write() as connection:
            evaluate(connection, minute)
        while (slot := app.runner.run(job, clock.now())).outcome is SlotOutcome.ANOTHER_PROCESS:
            app.runner.stop.wait(0.05)  # the lease of the one that was killed
        assert slot.error is None, slot.error
    app.close()


def evaluate(connection: sa.Connection, minute: int) -> None:
    """What the evaluation of the alerts does at a minute, once."""
    at = START + timedelta(minutes=minute)
    fired, over = STORY[minute]
    c = t.alert.c
    for subject in over:
        mine = (c.subject == subject, c.ended_at.is_(None), c.fired_at < at)
        connection.execute(t.alert.update().where(*mine).values(ended_at=at))
    known = set(connection.execute(sa.select(c.subject).where(c.fired_at == at)).scalars())
    for subject in fired:
        for team, name in (("operators", "MachineOutOfSpec"), ("engineers", "DataDrift")):
            if subject not in known:
                row = {"name": name, "subject": subject, "team": team, "line": "blades", "severity": "critical"}
                connection.execute(t.alert.insert().values({**row, "summary": "bad", "since": at, "fired_at": at}))


def told(plant: Path) -> tuple[list[str], Counter[str], list[str]]:
    """Ids of the notifications, how often each stands in the log, and what of the alerts was told."""
    store = open_existing(load(plant, SETTINGS).plant.store.url)
    with store.read() as connection:
        keys = list(connection.execute(sa.select(t.notification.c.key).order_by(t.notification.c.id)).scalars())
        states = list(connection.execute(sa.select(t.alert.c.told).order_by(t.alert.c.id)).scalars())
        waiting = connection.execute(sa.select(t.outbox.c.key).where(t.outbox.c.status != "sent")).all()
    store.close()
    assert waiting == []
    lines = (plant.parent / "notifications.jsonl").read_text().splitlines()
    return keys, Counter(json.loads(line)["id"] for line in lines), states


@pytest.fixture(scope="module")
def undisturbed(untrained: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str]]:
    """What nobody disturbed tells: ids, and what of the alerts was told."""
    andon = Andon()
    plant = made(untrained, tmp_path_factory.mktemp("undisturbed") / "plant", andon)
    assert ended(forked(lambda: tell(plant))) == 0
    keys, log, states = told(plant)
    assert log == Counter(keys)
    assert Counter(andon.ids) == wanted(keys)
    andon.close()
    return keys, states


def wanted(keys: list[str]) -> Counter[str]:
    """How often each is to come."""
    return Counter({key: 2 if key.startswith("operators") else 1 for key in keys})


def test_undisturbed_each_is_told_once(undisturbed: tuple[list[str], list[str]]) -> None:
    keys, states = undisturbed
    assert len(keys) == len(set(keys)) == 10
    assert sorted(set(states)) == ["fired", "resolved"]


@pytest.mark.parametrize("nth", [1, *(pytest.param(n, marks=pytest.mark.soak) for n in (2, 3)), 12])
@pytest.mark.parametrize("point", ["before_notification_sent", "after_notification_sent"])
def test_killed_around_a_notification_nothing_is_lost_and_a_repeat_has_the_same_id(
    point: str, nth: int, undisturbed: tuple[list[str], list[str]], untrained: Path, tmp_path: Path, andon: Andon
) -> None:
    plant = made(untrained, tmp_path / "plant", andon)
    assert ended(forked(lambda: tell(plant), {"GATEWATCH_FAILPOINT": f"{point}:{nth}"})) == -signal.SIGKILL
    assert ended(forked(lambda: tell(plant))) == 0
    keys, log, states = told(plant)
    assert (keys, states) == undisturbed
    sent = Counter(andon.ids)
    assert sent >= wanted(keys)
    assert log >= Counter(keys)
    assert set(sent) == set(log) == set(keys)
    # What may be told twice is what was under way: one message to one URL, or the lines of one round of the log.
    assert (sent - wanted(keys)).total() <= 1
    assert (log - Counter(keys)).total() <= 2
