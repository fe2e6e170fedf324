"""The people of the demo acknowledge what is critical and was told, once, and not at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from monitor.demo.on_call import AFTER, answer
from monitor.statuses import Announced
from monitor.store.database import tables as t
from monitor.store.database.schema import open_store

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_what_was_told_is_acknowledged_once_and_nothing_else(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    of = {"name": "MachineOutOfSpec", "severity": "critical", "summary": "hot", "team": "operators", "since": NOW}
    told = {"fired_at": NOW, "told": Announced.FIRED}
    rows = [
        {**of, **told, "subject": "told"},
        {**of, **told, "subject": "warned", "severity": "warning"},
        {**of, **told, "subject": "waits", "told": Announced.NOTHING},
        {**of, **told, "subject": "later", "fired_at": NOW + AFTER},
    ]
    with store.write() as connection:
        connection.execute(t.alert.insert(), rows)
    assert answer(store, NOW + AFTER - timedelta(seconds=1)) == 0
    assert answer(store, NOW + AFTER) == 1
    assert answer(store, NOW + AFTER) == 0
    with store.read() as connection:
        by = dict(connection.execute(sa.select(t.alert.c.subject, t.alert.c.acknowledged_by)).tuples().all())
        about = list(connection.scalars(sa.select(t.audit.c.about)))
    assert by == {"told": "operators-on-call", "warned": "", "waits": "", "later": ""}
    assert about == ["MachineOutOfSpec told"]
    store.close()
