"""Retention: what is too old goes, table by table; what is still the last word stays."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain, repeat
from typing import Any

import pytest
import sqlalchemy as sa
from spine_kit import T0, Spine

from alerting.alerts.readings import Recorded
from monitor.errors import FencedError
from monitor.jobs.prune import PruneJob
from monitor.plant.running import Retention
from monitor.scheduling.job import Run
from monitor.store import pruning
from monitor.store.database import tables as t
from monitor.store.database.leases import Lease
from monitor.store.watching import readings

DAY = timedelta(days=1)
NOW = T0 + 100 * DAY
NEVER = dict.fromkeys(Retention.model_fields)
NO_OUTBOX = {"channel": "mes", "subject": "A", "payload": {}, "created_at": T0, "next_at": T0}

TABLES: dict[str, tuple[sa.Table, str, str, dict[str, Any]]] = {
    "readings": (t.reading, "readings", "at", {
        "source": "s", "machine": "m", "revision": 0, "recipe": "", "state": "run", "values": {}, "digest": "d",
    }),
    "what was judged": (t.judged, "readings", "until", {"machine": "m"}),
    "machine windows": (t.machine_window, "windows", "start", {"machine": "m", "sensor": "x", "rows": 1, "missing": 0}),
    "findings": (t.finding, "findings", "at", {
        "arrival": 1, "detector": "d", "method": "m", "subject": "s", "feature": "f", "status": "ok", "causes": [],
    }),
    "trends": (t.trend, "trends", "at", {
        "detector": "d", "method": "m", "subject": "s", "feature": "", "step": "", "status": "ok", "causes": [],
    }),
    "ended alerts": (t.alert, "findings", "ended_at", {
        "name": "n", "subject": "s", "severity": "info", "summary": "", "since": T0,
    }),
    "part steps": (t.part_step, "parts", "at", {
        "source": "s", "serial": "A", "step": "form", "revision": 0, "machine": "", "recipe": "", "lot": "",
        "values": {}, "digest": "d", "available_at": T0,
    }),
    "dispositions": (t.disposition, "outcomes", "at", {
        "source": "s", "serial": "A", "step": "form", "revision": 0, "disposition": "used", "digest": "d",
    }),
    "decisions": (t.decision, "decisions", "at", {
        "serial": "A", "step": "form", "revision": 0, "gate": "form", "arrival": 1, "inputs": {}, "characteristic": "c",
        "model": "", "version": "", "model_digest": "", "plant_digest": "", "verdict": "hold", "reason": "no_model",
        "on_hold": "", "decided_at": T0,
    }),
    "outcomes": (t.outcome, "outcomes", "at", {
        "source": "s", "serial": "A", "characteristic": "c", "revision": 0, "digest": "d", "available_at": T0,
    }),
    "quarantine": (t.quarantine, "quarantine", "first_seen_at", {
        "source": "s", "reason": "no_key", "key": "k", "row": {},
    }),
    "runs of jobs": (t.job_run, "job_runs", "slot", {
        "job": "j", "started_at": T0, "result": "success", "duration_seconds": 1.0, "rows": 1,
    }),
    "sent recommendations": (t.outbox, "outbox", "sent_at", {**NO_OUTBOX, "status": "sent", "attempts": 1}),
}  # fmt: skip


def _filled(spine: Spine, table: sa.Table, column: str, row: dict[str, Any], days: range) -> None:
    """A row for each day before NOW."""
    rows = []
    for n in days:
        made = {**row, column: NOW - n * DAY}
        for name in ("arrival", "visit", "digest", "key"):
            if name in table.c and (name not in row or name in ("digest", "key")):
                made[name] = str(n) if name in ("digest", "key") else n + 1
        rows.append(made)
    with spine.store.write() as connection:
        connection.execute(table.insert(), rows)
        if table in (t.reading, t.judged):
            saved = {"detector": "d", "subject": "m", "arrival": 1000, "state": {}, "until": NOW}
            connection.execute(t.detector_state.insert(), [saved])


def _left(spine: Spine, table: sa.Table, column: str) -> list[int]:
    with spine.store.read() as connection:
        return sorted((NOW - at) // DAY for at in connection.execute(sa.select(table.c[column])).scalars() if at)


@pytest.mark.parametrize(("table", "key", "column", "row"), TABLES.values(), ids=TABLES)
def test_only_what_is_older_than_its_retention_goes(
    table: sa.Table, key: str, column: str, row: dict[str, Any], spine: Spine
) -> None:
    _filled(spine, table, column, row, range(8))
    job = PruneJob(spine.store, Retention(**{**NEVER, key: 3 * DAY}), DAY)
    assert spine.run(job, NOW).rows == 4
    assert _left(spine, table, column) == [0, 1, 2, 3]
    assert spine.run(job, NOW).rows == 0


@pytest.mark.parametrize(("table", "key", "column", "row"), TABLES.values(), ids=TABLES)
def test_without_a_retention_everything_stays(
    table: sa.Table, key: str, column: str, row: dict[str, Any], spine: Spine
) -> None:
    _filled(spine, table, column, row, range(3))
    assert spine.run(PruneJob(spine.store, Retention(**NEVER), DAY), NOW + 9999 * DAY).rows == 0


def test_every_kind_of_retention_is_kept_to() -> None:
    assert set(pruning.RETAINED) == set(Retention.model_fields)


def test_the_last_state_of_a_machine_stays(spine: Spine) -> None:
    def state(arrival: int, machine: str, days: int, revision: int = 0) -> dict[str, Any]:
        return {
            "arrival": arrival, "source": "s", "machine": machine, "at": NOW - days * DAY, "revision": revision,
            "state": "run", "digest": "d",
        }  # fmt: skip

    rows = [state(1, "m1", 90), state(2, "m1", 80), state(3, "m1", 80, 1), state(4, "m2", 90), state(5, "m2", 1)]
    with spine.store.write() as connection:
        connection.execute(t.machine_state.insert(), rows)
    spine.run(PruneJob(spine.store, Retention(**{**NEVER, "readings": 3 * DAY}), DAY), NOW)
    assert spine.all(t.machine_state, "arrival") == [2, 3, 5]


def test_readings_that_a_detector_needs_after_a_kill_stay_until_its_state_is_saved_again(spine: Spine) -> None:
    table, key, column, row = TABLES["readings"]
    _filled(spine, table, column, row, range(8))
    job = PruneJob(spine.store, Retention(**{**NEVER, key: 3 * DAY}), DAY)
    saved = t.detector_state.update()
    with spine.store.write() as connection:
        connection.execute(saved.values(until=NOW - 6 * DAY))
        other = {"detector": "e", "subject": "m", "arrival": 900, "state": {}, "until": NOW}
        connection.execute(t.detector_state.insert(), [other])
    assert spine.run(job, NOW).rows == 2
    assert _left(spine, table, column) == [0, 1, 2, 3, 4, 5]
    with spine.store.write() as connection:
        connection.execute(saved.values(until=NOW))
    assert spine.run(job, NOW).rows == 2
    assert _left(spine, table, column) == [0, 1, 2, 3]


@pytest.mark.parametrize("chunk", [5000, 3])
def test_what_alerts_read_goes_on_to_begin_with_a_whole_row(
    chunk: int, spine: Spine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "CHUNK", chunk)
    whole = (9, 6, 4, 1)
    with spine.store.write() as connection:
        for days in range(9, -1, -1):
            row = Recorded(NOW - days * DAY, [], [] if days in whole else None, [] if days in whole else None)
            readings.save_row(connection, row)
    for keep, left in ((8, 9), (5, 6), (3, 4), (2, 4), (0.5, 1)):
        spine.run(PruneJob(spine.store, Retention(**{**NEVER, "alert_readings": keep * DAY}), DAY), NOW)
        assert _left(spine, t.alert_reading, "at") == list(range(left + 1))
        with spine.store.read() as connection:
            begin = readings.first_row(connection, T0)
        assert begin is not None
        assert begin.at == NOW - left * DAY
    spine.run(PruneJob(spine.store, Retention(**{**NEVER, "alert_readings": DAY / 2}), DAY), NOW + 99 * DAY)
    assert _left(spine, t.alert_reading, "at") == [0, 1]


def test_while_a_source_stands_still_its_rows_stay_for_each_pull_reads_back_from_the_cursor(spine: Spine) -> None:
    table, key, column, row = TABLES["part steps"]
    _filled(spine, table, column, row, range(8))
    job = PruneJob(spine.store, Retention(**{**NEVER, key: 3 * DAY}), DAY)
    stands = {"job": "pull:s", "source": "s", "partition": "all", "position": NOW - 2 * DAY, "updated_at": NOW}
    with spine.store.write() as connection:
        connection.execute(t.cursor.insert(), [stands])
    assert spine.run(job, NOW).rows == 2
    assert _left(spine, table, column) == [0, 1, 2, 3, 4, 5]
    with spine.store.write() as connection:
        connection.execute(t.cursor.update().values(position=NOW))
    assert spine.run(job, NOW).rows == 2


def test_what_still_waits_or_holds_stays_however_old(spine: Spine) -> None:
    alert = {"name": "n", "subject": "s", "severity": "info", "summary": "", "since": T0}
    with spine.store.write() as connection:
        connection.execute(t.alert.insert(), [alert])
        for n, status in enumerate(("pending", "dead")):
            connection.execute(t.outbox.insert(), [{**NO_OUTBOX, "key": str(n), "status": status, "attempts": 0}])
    job = PruneJob(spine.store, Retention(**{**NEVER, "findings": DAY, "outbox": DAY}), DAY)
    assert spine.run(job, NOW).rows == 0


def test_many_rows_go_a_chunk_at_a_time(spine: Spine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "CHUNK", 4)
    table, key, column, row = TABLES["readings"]
    _filled(spine, table, column, row, range(11))
    job = PruneJob(spine.store, Retention(**{**NEVER, key: DAY}), DAY)
    assert spine.run(job, NOW, stopping=chain([False], repeat(True)).__next__).rows == 4
    assert spine.run(job, NOW).rows == 5
    assert _left(spine, table, column) == [0, 1]


def test_another_process_lease_ends_it(spine: Spine) -> None:
    table, key, column, row = TABLES["readings"]
    _filled(spine, table, column, row, range(5))
    job = PruneJob(spine.store, Retention(**{**NEVER, key: DAY}), DAY)
    run = Run(NOW, NOW, Lease("prune", "zombie", 1, 60), lambda: None, lambda: False)
    with pytest.raises(FencedError):
        job.run(run)
    assert len(_left(spine, table, column)) == 5
