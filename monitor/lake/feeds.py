"""What goes into each table of the lake: how the next rows are taken from the store, and how many wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from monitor.plant.running import LakeTable
from monitor.store.database.database import Connection, Store
from monitor.store.lake import made, passports, windows
from monitor.store.lake.taken import Marks, Taken
from monitor.store.rows.readings import last_arrival


class Feed(NamedTuple):
    """`take` has the next rows after some marks, at an instant, so many at most; `waiting` says how many wait.

    `begin` is called once in each process, in a transaction, before anything is taken.
    """

    take: Callable[[Store, Marks, datetime, int], Taken]
    waiting: Callable[[Connection, Marks], int]
    begin: Callable[[Connection, Marks], None] = lambda _, __: None


def feeds(window: timedelta) -> Mapping[LakeTable, Feed]:
    """The feed of each table; machine windows are so long."""

    def take_windows(store: Store, marks: Marks, now: datetime, limit: int) -> Taken:
        with store.read() as connection:
            return windows.take_windows(connection, marks, now, window, limit)

    return {
        "decisions": Feed(_take_decisions, made.count_decisions),
        "findings": Feed(_take_findings, made.count_findings),
        "part_passports": Feed(_take_passports, passports.count_news),
        "machine_windows": Feed(
            take_windows, lambda connection, _: windows.count_windows(connection), windows.note_unsent
        ),
    }


def _take_decisions(store: Store, marks: Marks, now: datetime, limit: int) -> Taken:
    with store.read() as connection:
        return made.take_decisions(connection, marks, last_arrival(connection), limit)


def _take_findings(store: Store, marks: Marks, now: datetime, limit: int) -> Taken:
    with store.read() as connection:  # of its own: its lock must not last as long as the rows are read
        settled = made.settled_finding(connection)
    with store.read() as connection:
        return made.take_findings(connection, marks, settled, limit)


def _take_passports(store: Store, marks: Marks, now: datetime, limit: int) -> Taken:
    with store.read() as connection:
        return passports.take_passports(connection, marks, last_arrival(connection), limit)
