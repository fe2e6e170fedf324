"""The inspection of the coat: each part once, its defect in its pictures alone, and what people see of it later."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from monitor.simulator import inspection
from monitor.simulator.history import simulate
from monitor.simulator.inspection import FINISH_CODES, Inspected
from monitor.simulator.shifts import ZONE
from monitor.simulator.surface import FINISHES

START = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
SHORT = {"seed": 5, "start": START, "days": 1.5, "commissioning_parts": 300}


@pytest.fixture(scope="module")
def history():
    return simulate(**SHORT)


@pytest.fixture(scope="module")
def without():
    """The same plant before anybody inspected: what the other random streams make alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monitor.simulator.history.inspect_parts", lambda steps, *_: Inspected(steps, (), {}))
        return simulate(**SHORT)


def dicts(history, table):
    rows = history.rows_of(table)
    return [dict(zip(rows.table.columns.keys(), row, strict=True)) for row in rows.rows]


def finish_of(history):
    """By serial what people found."""
    codes = {code: finish for finish, code in FINISH_CODES.items()}
    return {row["SN"]: codes[row["FINISH"]] for row in dicts(history, "VISUAL_CHECK")}


@pytest.mark.slow
def test_every_part_is_inspected_once_and_found_to_be_what_the_truth_says(history):
    known = history.truth["parts"] | history.truth["commissioning"]
    for table in ("SURFACE_INSPECTION", "VISUAL_CHECK"):
        assert Counter(row["SN"] for row in dicts(history, table)) == Counter(dict.fromkeys(known, 1))
    found = finish_of(history)
    assert history.truth["finish"] == {serial: found[serial] for serial in history.truth["parts"]}


def test_defects_are_a_few_per_cent_and_enough_of_each_to_learn_from(history):
    counts = Counter(finish_of(history).values())
    assert set(counts) == set(FINISHES)
    for defect in FINISHES[1:]:
        assert 0.02 < counts[defect] / counts.total() < 0.08


def test_a_part_comes_from_its_last_passage_through_coating_and_is_checked_hours_later(history):
    coated = {}
    for row in dicts(history, "WIP_HISTORY"):
        if row["OPERATION"] == "COAT":
            at = row["T_COMPLETE"].replace(tzinfo=ZONE).astimezone(UTC)
            coated[row["SN"]] = max(coated.get(row["SN"], at), at)
    arrived = {row["SN"]: row["T_ARRIVED"].replace(tzinfo=UTC) for row in dicts(history, "SURFACE_INSPECTION")}
    for row in dicts(history, "VISUAL_CHECK"):
        serial, checked = row["SN"], row["CHECKED_AT"].replace(tzinfo=UTC)
        assert timedelta(minutes=30) <= arrived[serial] - coated[serial] < timedelta(minutes=45)
        assert timedelta(hours=2) <= checked - arrived[serial] < timedelta(hours=5)
        assert row["POSTED_AT"].replace(tzinfo=UTC) > checked


@pytest.mark.slow
def test_only_the_pictures_of_defective_parts_differ_from_a_line_that_nobody_inspects(history, without):
    names, found = history.rows_of("WIP_HISTORY").table.columns.keys(), finish_of(history)
    for rows in without.tables:
        if rows.table.name != "WIP_HISTORY":
            assert rows.rows == history.rows_of(rows.table.name).rows
    marked = set()
    for clean, row in zip(without.rows_of("WIP_HISTORY").rows, history.rows_of("WIP_HISTORY").rows, strict=True):
        changed = {name for name, a, b in zip(names, clean, row, strict=True) if a != b}
        assert changed <= {"IMG"}
        marked |= {row[0]} if changed else set()
    assert marked == {serial for serial, finish in found.items() if finish != "clean"}
    assert {**without.truth, "finish": {}} == {**history.truth, "finish": {}}


def test_a_row_that_is_posted_twice_has_the_same_picture(history):
    pictures = {}
    for row in dicts(history, "WIP_HISTORY"):
        if row["IMG"] is not None:
            pictures.setdefault((row["SN"], row["PASS_NO"]), []).append(row["IMG"])
    assert {len(set(same)) for same in pictures.values()} == {1}
    assert max(map(len, pictures.values())) == 2


def test_the_marks_of_a_part_do_not_depend_on_the_others(history):
    seed = np.random.default_rng(3).integers(2**63)
    row = next(row for row in history.rows_of("WIP_HISTORY").rows if row[-1] is not None)
    marked = inspection._marked(row, "runs", int(seed))
    assert marked == inspection._marked(row, "runs", int(seed)) != row
    assert inspection._marked(row, "clean", int(seed)) == row
