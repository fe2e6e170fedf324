"""Whether the store can be written, under real faults, and that people hear of it without the store."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from andon import Andon
from faults import FAULTS, WORDS
from spine_kit import T0, Spine

from monitor.clock import SimulatedClock
from monitor.delivery.direct import DirectNotifier
from monitor.errors import StoreError
from monitor.plant.plant import Plant
from monitor.runtime.store_watch import StoreWatch
from monitor.store.database import database
from monitor.store.database import tables as t
from monitor.store.database.database import Store


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_PROBE_SECONDS", 1)


@pytest.fixture
def andon() -> Iterator[Andon]:
    server = Andon()
    yield server
    server.close()


def _skip_unless_it_can_be(fault: str, store: Store) -> None:
    if fault == "full" and not store.is_sqlite:
        pytest.skip("the disk of a server is not filled here")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.slow
def test_a_probe_notices_what_keeps_a_write_from_happening(fault: str, store: Store) -> None:
    _skip_unless_it_can_be(fault, store)
    store.probe()
    with FAULTS[fault](store):
        for _ in range(2):
            with pytest.raises(StoreError, match=WORDS[fault]) as caught:
                store.probe()
        assert store.url.partition("@")[0] not in str(caught.value) or "@" not in store.url
        with store.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(t.job)) == 0
    store.probe()
    assert store.failed_write is None


def test_a_probe_leaves_one_row_and_the_usual_patience(store: Store) -> None:
    for _ in range(3):
        store.probe()
    with store.read() as connection:
        assert connection.execute(sa.select(t.sequence.c.name, t.sequence.c.value)).all() == [("probe", 2)]
        if store.is_sqlite:
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000


def test_a_write_that_failed_for_the_store_is_remembered_and_one_for_its_rows_is_not(store: Store) -> None:
    row = {"digest": "d", "content": "", "since": T0}
    with pytest.raises(StoreError), store.write() as connection:
        connection.execute(t.plant_file.insert(), [row, row])
    assert store.failed_write is None
    with FAULTS["read-only"](store), pytest.raises(StoreError), store.write() as connection:
        connection.execute(t.plant_file.insert(), [row])
    assert store.failed_write is not None
    assert "read" in str(store.failed_write.error)


class Watched:
    """A watch on the spine's store, whose people listen at a real server."""

    def __init__(self, spine: Spine, folder: Path, urls: str) -> None:
        (folder / "urls").write_text(urls)
        notify = spine.plant.notify.model_copy(
            update={"urls_file": str(folder / "urls"), "log": str(folder / "log.jsonl")}
        )
        self.plant: Plant = spine.plant.model_copy(update={"notify": notify})
        self.log, self.seconds = folder / "log.jsonl", 0.0
        self.watch = StoreWatch(
            lambda: spine.store, lambda: self.plant, SimulatedClock(T0), DirectNotifier(), lambda: self.seconds
        )

    def after(self, seconds: float) -> str | None:
        self.seconds += seconds
        self.watch.look()
        return self.watch.problem

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []


def test_each_team_is_told_in_its_language(spine: Spine, tmp_path: Path, andon: Andon) -> None:
    (tmp_path / "urls").write_text(f"operators {andon.url}\n")
    changed = {"urls_file": str(tmp_path / "urls"), "log": str(tmp_path / "log"), "language": {"operators": "de"}}
    plant = spine.plant.model_copy(update={"notify": spine.plant.notify.model_copy(update=changed)})
    DirectNotifier().send(plant, "store_stopped", {"text": "a\nb"}, "critical", T0)
    assert andon.taken[0]["title"] == "die Datenbank des Standorts site kann nicht beschrieben werden"
    assert andon.taken[0]["message"].startswith("a\\nb\n\nBis sie wieder beschrieben werden kann")
    assert json.loads((tmp_path / "log").read_text())["title"] == "the store of site site cannot be written"


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.slow
def test_an_episode_is_told_once_and_its_end_past_the_store(
    fault: str, spine: Spine, tmp_path: Path, andon: Andon, caplog: pytest.LogCaptureFixture
) -> None:
    _skip_unless_it_can_be(fault, spine.store)
    watched = Watched(spine, tmp_path, f"operators {andon.url}\nml {andon.url}\n")
    assert watched.after(0.0) is None
    with FAULTS[fault](spine.store), caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert WORDS[fault] in (watched.after(5.0) or "")
        assert [taken["title"] for taken in andon.taken] == ["the store of site site cannot be written"]
        assert WORDS[fault] in andon.taken[0]["message"]
        assert "silence does not mean" in andon.taken[0]["message"]
    for _ in range(3):
        assert watched.after(5.0) is None
    assert len(andon.taken) == 1, "not over until nothing has failed for a while"
    watched.after(60.0)
    watched.after(60.0)
    titles = [f"the store of site site {how}" for how in ("cannot be written", "can be written again")]
    assert [taken["title"] for taken in andon.taken] == titles
    assert [line["title"] for line in watched.logged()] == titles
    levels = [(record.levelname, record.getMessage()[:30]) for record in caplog.records]
    assert levels == [("ERROR", "the store cannot be written: s"), ("WARNING", "the store can be written again")]


def test_failures_that_come_and_go_are_one_episode(spine: Spine, tmp_path: Path, andon: Andon) -> None:
    watched = Watched(spine, tmp_path, f"platform {andon.url}\n")
    for _ in range(4):
        with FAULTS["read-only"](spine.store):
            assert watched.after(5.0) is not None
        assert watched.after(5.0) is None
    assert len(andon.taken) == 1


def test_a_write_of_a_job_that_failed_between_two_looks_counts(
    spine: Spine, tmp_path: Path, andon: Andon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.monotonic", lambda: watched.seconds)
    watched = Watched(spine, tmp_path, f"platform {andon.url}\n")
    watched.after(0.0)
    watched.seconds += 2.0
    with FAULTS["read-only"](spine.store), pytest.raises(StoreError), spine.store.write() as connection:
        connection.execute(t.sequence.update().values(value=1))
    assert "read" in (watched.after(3.0) or "")
    assert watched.after(5.0) is None


def test_a_url_that_does_not_answer_is_tried_again_and_a_log_that_cannot_be_written_keeps_nothing_back(
    spine: Spine, tmp_path: Path, andon: Andon
) -> None:
    watched = Watched(spine, tmp_path, f"platform {andon.url}\n")
    watched.log.mkdir()
    andon.status = 503
    with FAULTS["read-only"](spine.store):
        watched.after(5.0)
        assert (andon.taken, andon.tries >= 1) == ([], True)
        andon.status = 200
        watched.after(5.0)
        watched.after(5.0)
    assert len(andon.taken) == 1
