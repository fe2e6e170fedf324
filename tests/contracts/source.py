"""What every transport promises (`monitor.ports.Source`): order, ties, resuming, late rows, revisions, rejects, counts.

A table is a list of rows (happened, posted, machine, force), times as ISO text with offset, None where a cell is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from monitor.errors import SourceError, SourceReason
from monitor.instants import to_micros
from monitor.model import Page, RejectReason
from monitor.ports import Source

COLUMNS = ("happened", "posted", "unit", "force")
Row = tuple[str | None, str | None, str | None, float | str | None]
Make = Callable[[Sequence[Row]], "Table"]
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
LATE = NOON + timedelta(days=30)
LIMITS = (1, 2, 3, 100)


class Table:
    """A source over rows that a test may add to."""

    def __init__(self, source: Source, add: Callable[[Sequence[Row]], None]) -> None:
        self.source, self.add = source, add


def at(minutes: float) -> str:
    return (NOON + timedelta(minutes=minutes)).isoformat()


def row(minutes: float, force: float | str | None, posted: float | None = None, unit: str | None = "m1") -> Row:
    return at(minutes), at(minutes if posted is None else posted), unit, force


def pages(source: Source, limit: int, after: datetime | None = None, until: datetime = LATE) -> list[Page]:
    """Every page until there is no more."""
    found: list[Page] = []
    while True:
        page = source.read(after, until, limit)
        found.append(page)
        if not page.more:
            return found
        assert page.position is not None
        assert after is None or page.position > after, "a page moves on"
        after = page.position


def forces(found: Sequence[Page]) -> list[float]:
    return [value for page in found for value in page.values[:, 0].tolist()]


def rows_come_in_the_order_in_which_they_could_be_known(make: Make) -> None:
    table = make([row(5, 5.0), row(1, 1.0, posted=9), row(3, 3.0), row(2, 2.0), row(4, 4.0)])
    for limit in LIMITS:
        assert forces(pages(table.source, limit)) == [2.0, 3.0, 4.0, 5.0, 1.0]


def rows_of_one_instant_are_never_split(make: Make) -> None:
    table = make([row(1, 1.0), *(row(i, 10.0 + i, posted=20) for i in range(2, 8)), row(30, 30.0)])
    for limit in LIMITS:
        found = pages(table.source, limit)
        assert sorted(forces(found)) == [1.0, *(10.0 + i for i in range(2, 8)), 30.0]
        holding = [page for page in found if any(v in page.values[:, 0] for v in (12.0, 17.0))]
        assert len(holding) == 1


def a_page_says_where_to_go_on(make: Make) -> None:
    table = make([row(i, float(i)) for i in range(20)])
    first = table.source.read(None, LATE, 7)
    assert first.more
    assert first.read == len(first.frame) == 7
    rest = table.source.read(first.position, LATE, 100)
    assert not rest.more
    assert forces([first, rest]) == [float(i) for i in range(20)]
    again = table.source.read(rest.position, LATE, 100)
    assert (again.read, again.position, again.more) == (0, rest.position, False)


def nothing_is_met_before_it_could_be_known(make: Make) -> None:
    table = make([row(i, float(i), posted=i + 10) for i in range(6)])
    page = table.source.read(None, NOON + timedelta(minutes=12), 100)
    assert forces([page]) == [0.0, 1.0, 2.0]
    assert page.position == NOON + timedelta(minutes=12)


def a_late_row_is_met_when_its_span_is_read_again(make: Make) -> None:
    table = make([row(i, float(i)) for i in range(10)])
    before = table.source.read(None, LATE, 100)
    table.add([row(4.5, 4.5)])
    assert before.position is not None
    assert forces([table.source.read(before.position, LATE, 100)]) == []
    assert forces([table.source.read(before.position - timedelta(minutes=6), LATE, 100)]) == [
        4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0,
    ]  # fmt: skip


def a_correction_comes_after_what_it_corrects(make: Make) -> None:
    table = make([row(1, 1.0), row(1, 1.5, posted=3), row(2, 2.0), row(1, 1.0, posted=5)])
    assert forces(pages(table.source, 2)) == [1.0, 2.0, 1.5, 1.0]


def the_newest_rows_are_given_as_they_are(make: Make) -> None:
    table = make([row(1, 1.0), row(3, "wet"), row(2, 2.0), row(4, 4.0, unit="m9")])
    found = table.source.newest(3)
    assert [str(cells["force"]) for cells in found] == ["4.0", "wet", "2.0"]
    assert all(set(cells) == set(table.source.kept.columns) for cells in found)
    assert len(table.source.newest(100)) == 4


BAD: tuple[tuple[Row, RejectReason], ...] = (
    (row(2, "wet"), RejectReason.NOT_A_NUMBER),
    (row(3, 3.0, unit="m9"), RejectReason.UNKNOWN_MACHINE),
    ((None, at(4), "m1", 4.0), RejectReason.NO_TIME),
    (("soon", at(5), "m1", 5.0), RejectReason.IMPOSSIBLE_TIME),
)


def a_row_that_cannot_be_read_costs_no_other(make: Make) -> None:
    good = [row(i, float(i)) for i in (1, 6, 7)]
    table = make([good[0], *(bad for bad, _ in BAD), *good[1:]])
    for limit in LIMITS:
        found = pages(table.source, limit)
        assert forces(found) == [1.0, 6.0, 7.0]
        assert [r.reason for page in found for r in page.rejects] == [reason for _, reason in BAD]


def an_empty_cell_is_a_missing_value(make: Make) -> None:
    (page,) = pages(make([row(1, None), row(2, 2.0)]).source, 100)
    assert page.values[0, 0] != page.values[0, 0]
    assert page.values[1, 0] == 2.0
    assert page.rejects == ()


def members_are_read_by_our_names(make: Make) -> None:
    table = make([row(i, float(i), unit=f"m{1 + i % 2}") for i in range(6)])
    assert forces([table.source.read(None, LATE, 100, ["m2"])]) == [1.0, 3.0, 5.0]
    assert forces([table.source.read(None, LATE, 100, ["m1", "m2"])]) == [float(i) for i in range(6)]


def what_is_ahead_of_the_clock_is_refused(make: Make) -> None:
    table = make([row(1, 1.0), (at(60), at(2), "m1", 2.0)])
    page = table.source.read(None, LATE, 100, now=NOON + timedelta(minutes=10))
    assert forces([page]) == [1.0]
    assert [r.reason for r in page.rejects] == [RejectReason.AHEAD_OF_CLOCK]


def an_hour_is_counted_by_keys_and_read_again(make: Make) -> None:
    table = make([
        *(row(i, float(i)) for i in (0, 10, 59)), row(10, 11.0, posted=70), row(60, 60.0), row(130, 130.0, posted=500),
    ])  # fmt: skip
    known = NOON + timedelta(minutes=400)
    hours = [table.source.hour_keys(NOON + timedelta(hours=i), NOON + timedelta(hours=i + 1), known) for i in range(3)]
    assert [len(keys) for keys in hours] == [3, 1, 0]
    assert table.source.key == ("machine", "at")
    assert set(hours[1]) == {("m1", to_micros(NOON + timedelta(minutes=60)))}
    hour = table.source.read_hour(NOON, NOON + timedelta(hours=1), known)
    assert forces([hour]) == [0.0, 10.0, 59.0, 11.0]
    assert not hour.more


def rows_that_no_page_meets_are_strays(make: Make) -> None:
    table = make([row(1, 1.0), (at(2), None, "m1", 2.0), (at(3), at(60 * 24 * 365), "m1", 3.0)])
    strays = table.source.strays(LATE, 100)
    assert sorted(r.reason for r in strays.rejects) == [RejectReason.AHEAD_OF_CLOCK, RejectReason.NO_TIME]
    assert len(strays.frame) == 0


def an_empty_table_is_no_error(make: Make) -> None:
    table = make([])
    table.source.verify()
    page = table.source.read(None, LATE, 10)
    assert (page.read, page.position, page.more, page.rejects) == (0, None, False, ())
    assert table.source.hour_keys(NOON, NOON + timedelta(hours=1), LATE) == {}
    assert table.source.read_hour(NOON, NOON + timedelta(hours=1), LATE).read == 0
    assert table.source.strays(LATE, 10).rejects == ()
    table.add([row(1, 1.0)])
    assert forces([table.source.read(None, LATE, 10)]) == [1.0]


def a_missing_column_is_named(make_without: Callable[[str], Source]) -> None:
    source = make_without("force")
    with pytest.raises(SourceError, match="'force'") as raised:
        source.verify()
    assert raised.value.reason is SourceReason.MISSING_COLUMN


CONTRACT: dict[str, Callable[[Make], None]] = {
    check.__name__: check
    for check in (
        rows_come_in_the_order_in_which_they_could_be_known, rows_of_one_instant_are_never_split,
        a_page_says_where_to_go_on, nothing_is_met_before_it_could_be_known,
        a_late_row_is_met_when_its_span_is_read_again, a_correction_comes_after_what_it_corrects,
        the_newest_rows_are_given_as_they_are,
        a_row_that_cannot_be_read_costs_no_other, an_empty_cell_is_a_missing_value, members_are_read_by_our_names,
        what_is_ahead_of_the_clock_is_refused, an_hour_is_counted_by_keys_and_read_again,
        rows_that_no_page_meets_are_strays, an_empty_table_is_no_error,
    )
}  # fmt: skip
