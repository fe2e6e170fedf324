"""The operator of the demo: what he does on each recommendation, and what of it stands in the MES."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from monitor.simulator.faults import Fault, FaultKind
from monitor.simulator.feed import Feed
from monitor.simulator.history import History, simulate
from monitor.simulator.people.acting import Advice, Did, Rig, Shop, act_on
from monitor.simulator.people.operator import STEP, Operator
from monitor.simulator.shifts import to_ms
from monitor.simulator.tables import final_test, gate_advice, mes, qc_disposition

START = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
HOURS_MS = 3_600_000
DECIDE_BY = timedelta(hours=4)
SAID = ("continue", "correct", "scrap", "hold")
GOOD, STIFF, TOO_STIFF, SOFT = 1250.0, 1280.0, 1310.0, 1200.0


def shop(**final: float) -> Shop:
    return Shop(Rig(final), {"blend": 0.95}, 4 * HOURS_MS, 7)


def advice(said: str, audited: bool = False, serial: str = "B1") -> Advice:
    return Advice(serial, 1, said, "", "blend" if said == "correct" else "", audited)


# Recommendation, whether audited, the part: whether it is inspected, and what is done.
DONE: dict[str, tuple[str, bool, float, bool, Did]] = {
    "it goes on": ("continue", False, STIFF, False, Did.WENT_ON),
    "it is scrapped": ("scrap", False, GOOD, False, Did.SCRAPPED),
    "it is corrected": ("correct", False, GOOD, False, Did.REWORKED),
    "held, good": ("hold", False, GOOD, True, Did.USED),
    "held, too stiff": ("hold", False, STIFF, True, Did.REWORKED),
    "held, far too stiff": ("hold", False, TOO_STIFF, True, Did.SCRAPPED),
    "held, too soft": ("hold", False, SOFT, True, Did.SCRAPPED),
    "a false scrap that is audited": ("scrap", True, GOOD, True, Did.USED),
    "a scrap that is audited": ("scrap", True, SOFT, True, Did.SCRAPPED),
    "an escape that is audited": ("continue", True, STIFF, True, Did.REWORKED),
}


@pytest.mark.parametrize(("said", "audited", "value", "inspected", "did"), DONE.values(), ids=DONE)
def test_what_the_operator_does(said: str, audited: bool, value: float, inspected: bool, did: Did) -> None:
    act = act_on(advice(said, audited), 0, shop(B1=value))
    assert act.did is did
    assert act.found == (value if inspected else None)
    assert (act.after is not None) == (did is Did.REWORKED)


@given(st.sampled_from(SAID), st.booleans(), st.floats(1150, 1350), st.integers(0, 10**15), st.integers(0, 99))
def test_he_acts_in_time_and_the_same_way_each_time(
    said: str, audited: bool, value: float, now: int, number: int
) -> None:
    given_advice, of = advice(said, audited, f"B{number}"), shop(**{f"B{number}": value})
    act = act_on(given_advice, now, of)
    assert act == act_on(given_advice, now, of)
    assert now <= act.at < now + 4 * HOURS_MS
    if act.inspected is not None:
        assert now < act.inspected < act.at, "measured before anything is done"


@pytest.mark.slow
def test_corrections_succeed_in_their_share_and_spoil_no_good_part() -> None:
    def inside(value: float) -> float:
        acts = [act_on(advice("correct", serial=f"B{n}"), 0, shop(**{f"B{n}": value})) for n in range(1000)]
        return sum(act.after is not None and 1225 <= act.after <= 1275 for act in acts) / len(acts)

    assert inside(STIFF) == pytest.approx(0.95, abs=0.02)
    assert (inside(GOOD), inside(TOO_STIFF), inside(SOFT)) == (1.0, 0.0, 0.0)


def test_a_rig_that_will_read_wrong_reads_right_until_then() -> None:
    rig = Rig({"B1": 1280.0, "B2": 1280.0}, frozenset({"B1"}), 9.0, 100)
    assert [rig.reads("B1", at) for at in (99, 100)] == [1271.0, 1280.0]
    assert rig.reads("B2", 99) == 1280.0


@pytest.fixture(scope="module")
def history() -> History:
    faults = (Fault(FaultKind.CONCEPT_CHANGE, "testing", timedelta(hours=30), None, 9.0),)
    return simulate(2, START, days=1.5, faults=faults, commissioning_parts=40)


def table_rows(feed: Feed, table: sa.Table) -> list[dict[str, Any]]:
    return [row._asdict() for row in feed.read(table, sa.select(table))]


def coated(history: History, until: datetime) -> list[tuple[str, int]]:
    """Serials and visits of the parts of the days that coating has posted."""
    rows = history.rows_of("WIP_HISTORY")
    named = [dict(zip(rows.table.columns.keys(), row, strict=True)) for row in rows.rows]
    posted = {(r["SN"], r["PASS_NO"]) for r, at in zip(named, rows.posted, strict=True)
              if r["OPERATION"] == "COAT" and r["SN"] in history.truth["parts"] and at <= to_ms(until)}  # fmt: skip
    return sorted(posted)


def played(history: History, folder: Any, until: timedelta) -> tuple[Feed, Operator]:
    """Half-hours through the history; each part is recommended something by its number as soon as it is coated."""
    feed = Feed(history, f"sqlite:///{folder}/mes.db", f"sqlite:///{folder}/historian.db")
    feed.create()
    operator, told = Operator(history, feed, {"blend": 0.95}, DECIDE_BY), set[tuple[str, int]]()
    engine = sa.create_engine(f"sqlite:///{folder}/mes.db")
    for half_hours in range(int(until / timedelta(minutes=30)) + 1):
        now = START + timedelta(minutes=30) * half_hours
        operator.act(now)
        feed.advance(now)
        new = [one for one in coated(history, now) if one not in told]
        told |= set(new)
        rows = [
            {"SITE": "demo", "SN": serial, "OPERATION": STEP, "PASS_NO": visit, "REV": 0,
             "ADVICE": SAID[int(serial[1:]) % 4], "AUDIT": int(int(serial[1:]) % 20 == 0)}
            for serial, visit in new
        ]  # fmt: skip
        if rows:
            with engine.begin() as connection:
                connection.execute(sa.insert(gate_advice), rows)
    return feed, operator


@pytest.mark.slow
def test_what_he_does_stands_in_the_mes_once(history: History, tmp_path: Any) -> None:
    feed, operator = played(history, tmp_path, timedelta(days=2))
    with feed:
        feed.advance(history.last_posted + timedelta(days=3))
        record = operator.record()
        last = dict(coated(history, history.last_posted))
        told = coated(history, START + timedelta(days=2, minutes=-30))
        assert set(record) == {serial for serial, visit in told if visit == last[serial]}
        assert max(last[serial] for serial in record) == 2, "some are coated twice"
        assert {act["did"] for act in record.values()} == {did.value for did in Did}
        due = {row[0]: row[3] for row in history.rows_of("FINAL_TEST").rows}
        tests, words = table_rows(feed, final_test), table_rows(feed, qc_disposition)
    measured = Counter(row["SN"] for row in tests)
    for serial, act in record.items():
        assert act["visit"] == last[serial]
        assert measured[serial] == (act["inspected"] is not None) + (act["did"] != "scrapped")
        of_part = [row for row in words if row["SN"] == serial]
        assert len(of_part) == {"went_on": 1, "scrapped": 1}.get(act["did"], 2)
        values = sorted((row["TESTED_AT"], row["FREQ_HZ"]) for row in tests if row["SN"] == serial)
        final = act["after"] if act["did"] == "reworked" else history.truth["parts"][serial]
        assert act["did"] == "scrapped" or values[-1][1] == final
        of_tests = sorted((row["POSTED_AT"], row["TESTED_AT"]) for row in tests if row["SN"] == serial)
        assert of_tests == sorted(of_tests, key=lambda pair: pair[1]), "entered in order"
        assert all(at >= due[serial] - timedelta(seconds=1) for at, _ in of_tests), "not before those of other parts"
    assert set(measured) - set(record) >= set(history.truth["commissioning"])
    assert all(row["DISP"] == "SCR" for row in words if row["SN"] in record and record[row["SN"]]["did"] == "scrapped")


@pytest.mark.slow
def test_a_replay_repeats_what_he_does(history: History, tmp_path: Any) -> None:
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        feed, operator = played(history, tmp_path / name, timedelta(hours=12))
        with feed:
            found.append((operator.record(), table_rows(feed, final_test), table_rows(feed, qc_disposition)))
    assert found[0] == found[1]
    assert len(found[0][0]) > 20


@pytest.mark.slow
def test_nothing_is_done_with_a_part_whose_final_test_is_posted(history: History, tmp_path: Any) -> None:
    with Feed(history, f"sqlite:///{tmp_path}/mes.db", f"sqlite:///{tmp_path}/historian.db") as feed:
        feed.create()
        feed.advance(history.last_posted)
        operator = Operator(history, feed, {"blend": 0.95}, DECIDE_BY)
        (serial, visit) = coated(history, history.end)[0]
        row = {"SITE": "demo", "SN": serial, "OPERATION": STEP, "PASS_NO": visit, "REV": 0, "ADVICE": "scrap"}
        with sa.create_engine(f"sqlite:///{tmp_path}/mes.db").begin() as connection:
            connection.execute(sa.insert(mes.tables["GATE_ADVICE"]).values(row))
        operator.act(history.last_posted)
        assert operator.record() == {}
        assert feed.advance(history.last_posted + timedelta(days=1)) == 0
