"""`gatewatch run` on a store that another program has locked: everybody hears of it, and work goes on afterwards."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from andon import Andon
from cli_kit import start
from service_kit import get, live_plant, metric, ready, url_of
from waits import until

pytestmark = pytest.mark.process

RUNS = 'gatewatch_job_runs_total{job_name="alerts",result="success"}'
STOPPED, WORKS = "the store of site demo cannot be written", "the store of site demo can be written again"


def _impatient() -> None:
    from monitor.runtime import store_watch
    from monitor.store.database import database

    database._PROBE_SECONDS = 1
    store_watch.EVERY_SECONDS, store_watch._QUIET_SECONDS = 0.1, 1.0


def test_it_is_told_by_every_other_way(tmp_path: Path) -> None:
    andon = Andon()
    (tmp_path / "urls").write_text(f"operators {andon.url}\n")
    plant = live_plant(tmp_path, "notify.urls_file=urls", "notify.log=told.jsonl")
    process = start("run", plant, at=None, before=_impatient)
    try:
        until(lambda: ready(plant), "ready")
        until(lambda: metric(plant, "gatewatch_store_writable") == 1, "it can be written")
        with closing(sqlite3.connect(tmp_path / "gatewatch.db", isolation_level=None)) as other:
            until(lambda: _began(other), "the lock")
            until(lambda: get(f"{url_of(plant)}/readyz")[0] == 503, "not ready")
            assert "locked" in json.loads(get(f"{url_of(plant)}/readyz")[1])["problems"][0]
            assert metric(plant, "gatewatch_store_writable") == 0
            assert metric(plant, "process_open_fds") is not None
            until(lambda: STOPPED in _titles(andon), "the message")
            assert "ERROR the store cannot be written: store sqlite:///" in process.err()
            other.execute("ROLLBACK")
        until(lambda: ready(plant), "ready again")
        before = metric(plant, RUNS) or 0.0
        until(lambda: (metric(plant, RUNS) or 0.0) > before, "the next run")
        until(lambda: _titles(andon)[-1:] == [WORKS], "its end")
    finally:
        os.kill(process.pid, signal.SIGTERM)
        ended = process.end()
        andon.close()
    titles = _titles(andon)
    assert titles == ([STOPPED, WORKS] * len(titles))[: len(titles)]
    said = [json.loads(line)["title"] for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    assert [title for title in said if "the store" in title] == titles
    assert ended.code == 0, ended.err
    assert "Traceback" not in ended.err


def _titles(andon: Andon) -> list[str]:
    """The titles of the different messages: a busy machine may bring one twice, or see more than one lock."""
    return list(dict(zip(andon.ids, (taken["title"] for taken in andon.taken), strict=False)).values())


def _began(other: sqlite3.Connection) -> bool:
    try:
        other.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    return True
