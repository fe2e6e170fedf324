"""What is told of refused rows: a share of a source's rows, sources of which nothing is understood, unknown names."""

from __future__ import annotations

from datetime import timedelta

import pytest
from spine_kit import PLANT, Spine, after

from monitor.plant.file.load import parse
from monitor.store.metrics import metrics_snapshot
from monitor.store.rows.intake_counts import MOST_NAMES

NOTHING, SHARE, UNKNOWN = "SourceNotUnderstood", "SourceRowsRefused", "UnknownMachineOrStep"


def parts(spine: Spine, good: int, bad: int, minute: float = 0.0) -> None:
    """Parts that can be read and parts that cannot, pulled a minute later."""
    rows = good + bad
    spine.parts({f"P{minute:g}-{n}": after(minute + n / rows) for n in range(good)}, a=1.0)
    spine.parts({f"P{minute:g}-{n}": after(minute + n / rows) for n in range(good, rows)}, a="3,2")
    spine.run(spine.pull("parts"), after(minute + 2))


def told(spine: Spine, minute: float) -> list[tuple[str, str]]:
    return [alert for alert in spine.alerts(after(minute)) if alert[0] in (NOTHING, SHARE, UNKNOWN)]


MIXES = {
    "one bad row of a few": (4, 1, []),
    "a single row, and it is bad": (0, 1, []),
    "two of a hundred": (98, 2, []),
    "one of ten": (90, 10, []),
    "one of six": (100, 20, [(SHARE, "parts")]),
    "all of three": (0, 3, [(NOTHING, "parts")]),
    "all of many": (0, 40, [(NOTHING, "parts"), (SHARE, "parts")]),
}


@pytest.mark.parametrize(("good", "bad", "expected"), MIXES.values(), ids=MIXES)
def test_single_bad_rows_are_not_told_and_many_are(
    good: int, bad: int, expected: list[tuple[str, str]], spine: Spine
) -> None:
    parts(spine, good, bad)
    assert told(spine, 3) == expected


def test_a_source_that_was_understood_and_is_no_longer_is_told_after_enough_rows(spine: Spine) -> None:
    parts(spine, 150, 0)
    parts(spine, 0, 60, minute=120)
    assert told(spine, 125) == [(SHARE, "parts")], "the hour before still counts: 60 rows are not enough"
    parts(spine, 0, 60, minute=180)
    assert told(spine, 185) == [(NOTHING, "parts"), (SHARE, "parts")]


def test_rows_of_long_ago_tell_nothing(spine: Spine) -> None:
    parts(spine, 0, 40)
    assert told(spine, timedelta(days=8) / timedelta(minutes=1)) == []


def test_what_the_source_corrects_is_not_counted_as_refused_any_more(spine: Spine) -> None:
    parts(spine, 20, 20)
    assert told(spine, 3) == [(SHARE, "parts")]
    spine.sql("UPDATE PARTS SET A = 3.2 WHERE A = '3,2'")
    spine.run(spine.pull("parts"), after(4))
    assert told(spine, 5) == []


def test_rows_read_again_are_counted_once(spine: Spine) -> None:
    parts(spine, 19, 2)
    job = spine.pull("parts")
    for minute in (3, 4, 5):
        spine.run(job, after(minute))
    spine.part("LAST", after(5))
    spine.run(job, after(6))
    with spine.store.read() as connection:
        (row,) = metrics_snapshot(connection, after(7)).intakes
    assert (row.source, row.accepted, row.refused) == ("parts", 20, 2)


def test_an_unknown_name_is_told_once_by_name_until_the_plant_file_has_it(spine: Spine) -> None:
    for n in range(5):
        spine.reading("m7", after(n), 5.0)
    spine.reading("m1", after(5), 5.0)
    spine.rows("PARTS", ("A", 20.0, 1, "L", after(1), after(1), 1.0, 2.0, 3.0, 4.0))
    spine.run(spine.pull("readings"), after(10))
    spine.run(spine.pull("parts"), after(10))
    assert told(spine, 11) == [(UNKNOWN, "parts/20"), (UNKNOWN, "readings/m7")]
    coded = {"table: READINGS, machine: EQ": "table: READINGS, machine: {column: EQ, codes: {m7: m2}}"}
    text = PLANT
    for old, new in coded.items():
        text = text.replace(old, new)
    spine.plant = parse(text, spine.folder, {}).plant
    assert told(spine, 12) == [(UNKNOWN, "parts/20")]
    assert told(spine, 11 + timedelta(days=1) / timedelta(minutes=1)) == []


def test_a_column_of_order_numbers_makes_a_bounded_number_of_alerts(spine: Spine) -> None:
    many = MOST_NAMES + 60
    spine.rows("READINGS", *((f"order {n:04d}", after(n / 100), after(n / 100), 1.0) for n in range(many)))
    spine.run(spine.pull("readings", batch_rows=50), after(30))
    names = [subject for alert, subject in told(spine, 31) if alert == UNKNOWN]
    assert len(names) == 21
    assert names[0] == "others"
    with spine.store.read() as connection:
        found = metrics_snapshot(connection, after(31)).unknown_names
    assert len(found) <= MOST_NAMES + 1
    assert sum(row.rows for row in found) == many


def test_a_name_that_cannot_be_printed_is_a_name(spine: Spine) -> None:
    spine.reading("m\n7\x01", after(1), 5.0)
    spine.reading("", after(2), 5.0)
    spine.run(spine.pull("readings"), after(10))
    assert told(spine, 11) == [(UNKNOWN, "readings/(empty)"), (UNKNOWN, "readings/m\\u000a7\\u0001")]
