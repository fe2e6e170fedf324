"""The newest state of each machine, by time of report and not of arrival."""

from __future__ import annotations

from datetime import timedelta

from spine_kit import T0

from exporters.metrics.shared.snapshot import StandingRow
from monitor.model import MachineState
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert_new
from monitor.store.database.database import Store
from monitor.store.watching.standing import newest_states

REPORTS = (
    ("m1", 10, 0, "down"), ("m1", 5, 0, "run"), ("m1", 5, 1, "setup"), ("m1", 2, 0, "run"),
    ("m2", 0, 0, "run"), ("m2", 1, 0, "idle"), ("m2", 1, 1, "run"),
    ("m3", 90, 0, "run"),
    ("m4", 3, 0, "down"),
)  # fmt: skip


def test_the_newest_report_until_now_counts_and_of_its_revisions_the_last(store: Store) -> None:
    rows = [
        {"arrival": n, "source": "s", "machine": machine, "at": T0 + timedelta(minutes=minute), "revision": revision,
         "state": state, "digest": str(n)}
        for n, (machine, minute, revision, state) in enumerate(REPORTS, start=1)
    ]  # fmt: skip
    with store.write() as connection:
        insert_new(connection, t.machine_state, rows)
    with store.read() as connection:
        found = newest_states(connection, T0 + timedelta(hours=1))
    assert found == {
        "m1": StandingRow(MachineState.DOWN, T0 + timedelta(minutes=2)),
        "m2": StandingRow(MachineState.RUN, T0 + timedelta(minutes=1)),
        "m4": StandingRow(MachineState.DOWN, None),
    }
