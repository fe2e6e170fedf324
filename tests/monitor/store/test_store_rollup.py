"""Scores of machines rolled up to their step, in the commit that brings one of them: from the board, which has all."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from spine_kit import HOLDER, T0, after

from monitor.model import Finding, Status
from monitor.store.commit import BatchWrite, commit
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import acquire

OK, BREACH, CANNOT, NO_DATA = Status.OK, Status.BREACH, Status.CANNOT_JUDGE, Status.NO_DATA


def score(machine: str, value: float | None, status: Status = OK, at: datetime = T0, step: str = "form") -> Finding:
    limit = None if value is None else 8.0
    return Finding("anomaly", "condition_alarm", machine, "", at, status, value, limit, step=step)


def keep(store: Store, *board: Finding, job: str = "pull") -> None:
    """One commit of a partition."""
    lease = acquire(store, job, HOLDER, 60.0)
    assert lease is not None
    commit(store, lease, BatchWrite(job, "s", "", T0, board=list(board)))


def rolled(store: Store, step: str = "form") -> Any:
    b = t.board.c
    query = sa.select(t.board).where(b.detector == "anomaly", b.method == "worst_machine", b.subject == step)
    with store.read() as connection:
        return connection.execute(query).one_or_none()


CASES: dict[str, tuple[list[Finding], Status, float | None, list[str]]] = {
    "the highest score of its machines": ([score("m1", 4.0), score("m2", 6.0)], OK, 0.75, []),
    "a machine in breach is the cause": ([score("m1", 4.0), score("m2", 12.0, BREACH)], BREACH, 1.5, ["m2"]),
    "two of them, worst first": ([score("m1", 9.0, BREACH), score("m2", 12.0, BREACH)], BREACH, 1.5, ["m2", "m1"]),
    "one high score without patience is no breach": ([score("m1", 12.0)], OK, 1.5, []),
    "a score below zero": ([score("m1", -4.0)], OK, -0.5, []),
    "one warms up, one is fine": ([score("m1", None, CANNOT), score("m2", 2.0)], OK, 0.25, []),
    "all warm up": ([score("m1", None, CANNOT), score("m2", None, NO_DATA)], CANNOT, None, []),
    "nothing is known of any": ([score("m1", None, NO_DATA)], NO_DATA, None, []),
    "one that stands is left out": ([score("m1", 20.0, BREACH), score("m2", 2.0, at=after(61))], OK, 0.25, []),
    "an hour is not yet standing": ([score("m1", 20.0, BREACH), score("m2", 2.0, at=after(60))], BREACH, 2.5, ["m1"]),
}


@pytest.mark.parametrize(("board", "status", "value", "causes"), CASES.values(), ids=CASES)
def test_a_step_is_as_its_worst_machine(
    store: Store, board: list[Finding], status: Status, value: float | None, causes: list[str]
) -> None:
    keep(store, *board)
    row = rolled(store)
    assert (row.status, row.value, row.limit, row.causes, row.step) == (status.value, value, 1.0, causes, "form")


def test_machines_of_two_partitions_are_one_step(store: Store) -> None:
    keep(store, score("m1", 12.0, BREACH), job="pull:a")
    keep(store, score("m2", 2.0, at=T0 + timedelta(minutes=5)), job="pull:b")
    assert (rolled(store).value, rolled(store).causes) == (1.5, ["m1"])
    keep(store, score("m1", 3.0, at=T0 + timedelta(minutes=6)), job="pull:a")
    assert (rolled(store).status, rolled(store).value) == ("ok", 0.375)


def test_steps_are_apart_and_other_detectors_do_not_count(store: Store) -> None:
    limits = Finding("limits", "limit", "m1", "heat", T0, BREACH, 99.0, 10.0, step="form")
    keep(store, limits, score("m3", 4.0, step="coat"))
    assert rolled(store) is None
    assert rolled(store, "coat").value == 0.5
