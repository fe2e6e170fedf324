"""A backtest over the store of a replayed plant: what fired is what fires again."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from plant_kit import QUICK, START, copied, run_replay
from taught_kit import HOURS, taught

from alerting.alerts.backtest import backtest
from alerting.alerts.in_force import alerts_in_force
from monitor.plant.file.load import load
from monitor.store.database import tables as t
from monitor.store.database.schema import open_existing
from monitor.store.watching import readings

pytestmark = pytest.mark.process


def test_it_fires_what_fired(tmp_path: Path) -> None:
    plant = copied(taught(), tmp_path / "plant")
    assert not run_replay(plant, HOURS, (*QUICK, "alerts.every=1m"), START)
    loaded = load(plant, QUICK).plant
    store = open_existing(loaded.store.url)
    a, r = t.alert.c, t.alert_reading.c
    with store.read() as connection:
        rows = connection.execute(
            sa.select(a.name, a.condition, a.subject, a.since, a.fired_at, a.ended_at).where(a.fired_at.is_not(None))
        )
        fired = sorted(map(tuple, rows))
        whole = list(connection.execute(sa.select(r.id).where(r.states.is_not(None)).order_by(r.id)).scalars())
        times = readings.evaluations(connection, whole[0])
        again = backtest(alerts_in_force(loaded), readings.recorded_rows(connection, whole[0]), times)
        written = list(connection.execute(sa.select(sa.func.length(sa.cast(r.readings, sa.Text)))).scalars())
    store.close()
    print(
        f"{len(fired)} episodes, {len(times)} evaluations, {len(written)} rows, {sum(written)} characters of readings"
    )
    assert fired
    assert sorted(map(tuple, again)) == fired
    assert len(times) > 50
    assert len(written) <= len(times)
