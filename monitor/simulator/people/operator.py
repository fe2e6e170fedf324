"""The operator of the demo at the MES: he reads what the gate recommends, and what he does is posted there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from monitor.simulator.feed import Feed
from monitor.simulator.history import History
from monitor.simulator.machines import STEP_CODES
from monitor.simulator.people.acting import Act, Advice, Did, Rig, Shop, act_on
from monitor.simulator.records import REWORKED, SCRAPPED, USED, disposition, local_time, utc_time
from monitor.simulator.shifts import ZONE, to_datetime, to_ms
from monitor.simulator.tables import Rows, final_test, gate_advice, qc_disposition, sort_by_posting, wip_history

Row = tuple[Any, ...]

STEP = "coating"
"""The step whose gate the operator listens to, as recommendations name it."""
_POSTED_AFTER_MS, _BEFORE_MS = 30_000, 1_000
_CODES = {Did.USED: USED, Did.REWORKED: REWORKED, Did.SCRAPPED: SCRAPPED}


class Operator:
    """Acts on new recommendations at the last passage of a part through coating.

    A part that will be coated again waits for that; with one whose final test is due before people have to have acted,
    nothing is done.
    """

    def __init__(self, history: History, feed: Feed, success: Mapping[str, float], decide_by: timedelta) -> None:
        """`success` has the share of corrections that succeed, by the name in recommendations."""
        self._feed = feed
        self._shop = Shop(_rig(history), success, decide_by // timedelta(milliseconds=1), int(history.truth["seed"]))
        self._last = _last_visits(history)
        self._acts: dict[str, Act] = {}
        self._seen: set[str] = set()

    def act(self, now: datetime) -> None:
        """Act on what was recommended since the last call; what comes of it is fed after `now`."""
        tests = self._feed.pending(final_test)
        in_time = to_ms(now) + self._shop.decide_by
        open_tests = {row[0] for row, posted in zip(tests.rows, tests.posted, strict=True) if posted > in_time}
        acts = []
        for advice in self._read():
            if advice.visit != self._last.get(advice.serial) or advice.serial in self._seen:
                continue
            self._seen.add(advice.serial)
            if advice.serial in open_tests:
                acts.append(act_on(advice, to_ms(now), self._shop))
        self._acts |= {act.advice.serial: act for act in acts}
        for table, change in ((final_test, tested), (qc_disposition, disposed)):
            self._feed.replace(change(self._feed.pending(table), acts))

    def record(self) -> dict[str, dict[str, Any]]:
        """By serial what was recommended and done, as JSON values."""
        return {serial: _as_json(act) for serial, act in sorted(self._acts.items())}

    def _read(self) -> Iterable[Advice]:
        a = gate_advice.c
        columns = (a.SN, a.PASS_NO, a.ADVICE, a.REASON, a.CORRECTION, a.AUDIT)
        query = sa.select(*columns).where(a.OPERATION == STEP).order_by(a.SN, a.PASS_NO, a.REV)
        for serial, visit, said, reason, correction, audit in self._feed.read(gate_advice, query):
            yield Advice(serial, visit, said, reason or "", correction or "", bool(audit))


def _rig(history: History) -> Rig:
    final = {**history.truth["commissioning"], **history.truth["parts"]}
    change = next((fault for fault in history.truth["faults"] if fault["kind"] == "concept_change"), None)
    if change is None:
        return Rig(final)
    start = to_ms(datetime.fromisoformat(change["start"]))
    return Rig(final, frozenset(change["serials"]), float(change["magnitude"]), start)


def _last_visits(history: History) -> dict[str, int]:
    names = wip_history.columns.keys()
    serial, step, visit = (names.index(name) for name in ("SN", "OPERATION", "PASS_NO"))
    last: dict[str, int] = {}
    for row in history.rows_of(wip_history.name).rows:
        if row[step] == STEP_CODES[STEP]:
            last[row[serial]] = max(last.get(row[serial], 0), row[visit])
    return last


def tested(pending: Rows, acts: Sequence[Act]) -> Rows:
    """The final tests to come: without scrapped parts, with what a reworked one is then, and with the inspections.

    What an inspection measured is entered just before the final test would be, also that of a scrapped part. If bad
    parts were heard of a day before good ones, those heard of last would be the worst for hours.
    """
    due = {row[0]: int(posted) for row, posted in zip(pending.rows, pending.posted, strict=True)}
    by_serial = {act.advice.serial: act for act in acts}

    def changed(row: Row) -> Row | None:
        act = by_serial.get(row[0])
        if act is None or act.did in (Did.WENT_ON, Did.USED):
            return row
        return None if act.did is Did.SCRAPPED else (row[0], act.after, *row[2:])

    new = [
        (due[act.advice.serial] - _BEFORE_MS, (act.advice.serial, act.found, _iso(act.inspected)))
        for act in acts
        if act.inspected is not None
    ]
    return _revised(pending, changed, [(posted, (*row, utc_time(posted))) for posted, row in new])


def disposed(pending: Rows, acts: Sequence[Act]) -> Rows:
    """The dispositions to come: those at the final test as it will be, and the operator's own."""
    by_serial = {act.advice.serial: act for act in acts}

    def changed(row: Row) -> Row | None:
        act = by_serial.get(row[0])
        if act is None or act.did in (Did.WENT_ON, Did.USED):
            return row
        return None if act.after is None else (*row[:2], disposition(act.after), *row[3:])

    new = [
        (act.at + _POSTED_AFTER_MS, (act.advice.serial, STEP_CODES[STEP], _CODES[act.did], local_time(act.at)))
        for act in acts
        if act.did is not Did.WENT_ON
    ]
    return _revised(pending, changed, [(posted, (*row, utc_time(posted))) for posted, row in new])


def _revised(pending: Rows, changed: Callable[[Row], Row | None], new: Sequence[tuple[int, Row]]) -> Rows:
    rows = [changed(row) for row in pending.rows]
    kept = {i: row for i, row in enumerate(rows) if row is not None}
    posted = np.concatenate([pending.posted[list(kept)], np.array([at for at, _ in new], dtype=np.int64)])
    return sort_by_posting(pending.table, posted, [*kept.values(), *(row for _, row in new)])


def _iso(ms: int) -> str:
    return to_datetime(ms).astimezone(ZONE).isoformat()


def _as_json(act: Act) -> dict[str, Any]:
    advice = {name: value for name, value in asdict(act.advice).items() if name != "serial"}
    times = {name: None if ms is None else to_datetime(ms).isoformat() for name, ms in
             (("at", act.at), ("inspected", act.inspected))}  # fmt: skip
    return {**advice, "did": act.did.value, **times, "found": act.found, "after": act.after}
