"""Bounds of a time column in SQL: the rows they select, of every kind of column and where the clocks change."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import psycopg

from monitor.errors import UsageError
from monitor.plant.sources import TimeColumn
from monitor.sources.sql.axis import Axis, Condition, Kind, TextForm, kind_of, text_form

TS: sa.ColumnClause[object] = sa.column("ts")
BERLIN = "Europe/Berlin"
POSTGRES = psycopg.dialect()
HOUR = timedelta(hours=1)
UTC_TEXT = TextForm("T", timedelta(0), timedelta(0))


def axis(kind: Kind, zone: str | None = None, epoch: str | None = None, form: TextForm | None = None) -> Axis:
    return Axis(TS, kind, TimeColumn.model_validate({"column": "ts", "zone": zone, "epoch": epoch}), form)


AWARE, NAIVE = axis(Kind.AWARE), axis(Kind.NAIVE, BERLIN)
TEXT_LOCAL = axis(Kind.TEXT, BERLIN, form=TextForm(" "))
TEXT_UTC = axis(Kind.TEXT, form=UTC_TEXT)
TEXT_MIXED = axis(Kind.TEXT, form=TextForm("T", HOUR, 2 * HOUR))
SECONDS, MILLIS = axis(Kind.NUMBER, epoch="s"), axis(Kind.NUMBER, epoch="ms")


def selected(condition: Condition, values: list[object]) -> list[object]:
    """Which of the values a condition selects, asked of a database."""
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (ts)")
        connection.exec_driver_sql("INSERT INTO t VALUES (?)", [(value,) for value in values])
        found = list(connection.execute(sa.select(TS).select_from(sa.table("t")).where(condition)).scalars())
    engine.dispose()
    return found


def at(*parts: int) -> datetime:
    return datetime(2026, *parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


NOON = int(at(3, 2, 12).timestamp())
DAY = ["2026-03-02 12:59:59.999999", "2026-03-02 13:00:00.000000", "2026-03-02 13:00:00.000001"]
"""Around noon UTC, as Berlin's clocks and SQLAlchemy on SQLite write it."""
BOUNDS = {
    "aware": (AWARE, at(3, 2, 13), DAY, DAY[2:], DAY[:2]),
    "naive": (NAIVE, at(3, 2, 12), DAY, DAY[2:], DAY[:2]),
    # Text with a fraction sorts beside its second: both bounds take the whole second, and with an offset the upper one
    # the whole minute.
    "text in utc": (
        TEXT_UTC, at(3, 2, 12),
        ["2026-03-02T11:59:59Z", "2026-03-02T12:00:00Z", "2026-03-02T12:00:59.9Z", "2026-03-02T12:01:00Z"],
        ["2026-03-02T12:00:00Z", "2026-03-02T12:00:59.9Z", "2026-03-02T12:01:00Z"],
        ["2026-03-02T11:59:59Z", "2026-03-02T12:00:00Z", "2026-03-02T12:00:59.9Z"],
    ),
    "local text at a second": (
        TEXT_LOCAL, at(3, 2, 11, 0, 7),
        ["2026-03-02 12:00:06.9", "2026-03-02 12:00:07", "2026-03-02 12:00:07.5", "2026-03-02 12:00:08"],
        ["2026-03-02 12:00:07", "2026-03-02 12:00:07.5", "2026-03-02 12:00:08"],
        ["2026-03-02 12:00:06.9", "2026-03-02 12:00:07", "2026-03-02 12:00:07.5"],
    ),
    "text in utc at a second": (
        TEXT_UTC, at(3, 2, 12, 0, 7),
        ["2026-03-02T12:00:06.9Z", "2026-03-02T12:00:07Z", "2026-03-02T12:00:59.9Z", "2026-03-02T12:01:00Z"],
        ["2026-03-02T12:00:07Z", "2026-03-02T12:00:59.9Z", "2026-03-02T12:01:00Z"],
        ["2026-03-02T12:00:06.9Z", "2026-03-02T12:00:07Z", "2026-03-02T12:00:59.9Z"],
    ),
    # A minute without seconds sorts behind all of its seconds in UTC.
    "text of whole minutes": (
        TEXT_UTC, at(3, 2, 12, 0, 30),
        ["2026-03-02T11:59Z", "2026-03-02T12:00:29Z", "2026-03-02T12:00:31Z", "2026-03-02T12:00Z", "2026-03-02T12:01Z"],
        ["2026-03-02T12:00:31Z", "2026-03-02T12:00Z", "2026-03-02T12:01Z"],
        ["2026-03-02T11:59Z", "2026-03-02T12:00:29Z", "2026-03-02T12:00:31Z", "2026-03-02T12:00Z"],
    ),
    "text of a form that is not known": (
        axis(Kind.TEXT), at(3, 2, 12), ["2026-03-02 11:59:59", "2026-03-02 12:00:00", "2026-03-02 12:00:01"],
        ["2026-03-02 12:00:00", "2026-03-02 12:00:01"], ["2026-03-02 11:59:59", "2026-03-02 12:00:00"],
    ),
    "text of different offsets": (
        TEXT_MIXED, at(3, 2, 12),
        ["2026-03-02T12:59:59+01:00", "2026-03-02T13:00:00+01:00", "2026-03-02T14:00:00+02:00", "2026-03-02T14:01:00"],
        ["2026-03-02T13:00:00+01:00", "2026-03-02T14:00:00+02:00", "2026-03-02T14:01:00"],
        ["2026-03-02T12:59:59+01:00", "2026-03-02T13:00:00+01:00", "2026-03-02T14:00:00+02:00"],
    ),
    "whole seconds": (SECONDS, at(3, 2, 12), [NOON - 1, NOON, NOON + 1, NOON + 2], [NOON, NOON + 1, NOON + 2],
                      [NOON - 1, NOON, NOON + 1]),
    "milliseconds": (
        MILLIS, at(3, 2, 12), [NOON * 1000 + i for i in (-1, 0, 1, 2)], [NOON * 1000 + i for i in (0, 1, 2)],
        [NOON * 1000 + i for i in (-1, 0, 1)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("of", "instant", "values", "later", "not_later"), BOUNDS.values(), ids=BOUNDS)
def test_bounds_select_all_rows_on_their_side(
    of: Axis, instant: datetime, values: list[object], later: list[object], not_later: list[object]
) -> None:
    assert selected(of.later_than(instant), values) == later
    assert selected(of.up_to(instant), values) == not_later


AUTUMN = [f"2026-10-25 0{clock}" for clock in ("1:29:59", "1:30:01", "2:00:01", "2:30:01", "2:59:59", "3:00:00")]
DOUBLE_HOUR = {
    "in the first pass, whose times are placed in the second": (at(10, 25, 0, 30), 1, 2),
    "in the second pass": (at(10, 25, 1, 30), 3, 3),
    "after it": (at(10, 25, 2, 0), 5, 5),
}


@pytest.mark.parametrize("of", [NAIVE, TEXT_LOCAL], ids=["timestamps", "text"])
@pytest.mark.parametrize(("instant", "first", "end"), DOUBLE_HOUR.values(), ids=DOUBLE_HOUR)
def test_no_row_of_the_hour_that_happens_twice_is_left_out(of: Axis, instant: datetime, first: int, end: int) -> None:
    values: list[object] = [f"{text}.500000" for text in AUTUMN]
    assert selected(of.later_than(instant), values) == values[first:]
    assert selected(of.up_to(instant), values)[:end] == values[:end]


@pytest.mark.parametrize("of", [AWARE, NAIVE, TEXT_UTC, TEXT_MIXED, SECONDS], ids=lambda of: str(of.kind))
def test_the_zone_of_this_machine_does_not_matter(of: Axis, monkeypatch: pytest.MonkeyPatch) -> None:
    there = at(3, 2, 12).astimezone(timezone(timedelta(hours=-5)))
    expected = [literal(c) for c in (of.later_than(at(3, 2, 12)), of.up_to(at(3, 2, 12)))]
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "America/New_York")
        time.tzset()
        found = [literal(c) for c in (of.later_than(there), of.up_to(there))]
    time.tzset()
    assert found == expected


def literal(condition: Condition) -> object:
    """The value that a condition compares with; an aware one in UTC, as a database takes it."""
    (value,) = condition.compile().params.values()
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value


@pytest.mark.parametrize("of", [SECONDS, axis(Kind.NUMBER)], ids=["of an epoch in seconds", "of none that is named"])
def test_numbers_are_compared_with_a_whole_number_of_their_unit(of: Axis) -> None:
    found = literal(of.later_than(at(3, 2, 12) + timedelta(milliseconds=1500)))
    assert (found, type(found)) == (NOON + 1, int)


TYPED = {
    "aware": (AWARE, "TIMESTAMP WITH TIME ZONE", (">", "<=")),
    "naive": (NAIVE, "TIMESTAMP WITHOUT TIME ZONE", (">", "<=")),
    "text": (TEXT_UTC, "VARCHAR", (">=", "<")),
    "numbers": (SECONDS, "BIGINT", (">=", "<=")),
}


@pytest.mark.parametrize(("of", "kind", "signs"), TYPED.values(), ids=TYPED)
def test_values_are_of_the_columns_own_type_so_that_its_index_is_used(
    of: Axis, kind: str, signs: tuple[str, str]
) -> None:
    start, value = at(3, 2, 12), f"%(param_1)s::{kind}"
    said = [str(c.compile(dialect=POSTGRES)) for c in (of.later_than(start), of.up_to(start))]
    assert said == [f"ts {signs[0]} {value}", f"ts {signs[1]} {value}"]


@pytest.mark.parametrize("of", [AWARE, NAIVE, SECONDS, axis(Kind.TEXT)], ids=lambda of: str(of.kind))
def test_what_cannot_be_read_on_postgresql_is_missing(of: Axis) -> None:
    assert str(of.unreadable("postgresql").compile(dialect=POSTGRES)) == "ts IS NULL"


def test_text_that_cannot_be_read_on_postgresql_does_not_match_its_form() -> None:
    said = TEXT_UTC.unreadable("postgresql").compile(dialect=POSTGRES)
    assert str(said) == "ts IS NULL OR (ts !~ %(ts_1)s::VARCHAR)"
    (pattern,) = said.params.values()
    texts = ["2026-03-02T12:00:00Z", "2026-03-02T12:00", "2026-03-02 12:00:00", "02.03.2026T12:00", "x2026-03-02T12:00"]
    assert [bool(re.search(pattern, text)) for text in texts] == [True, True, False, False, False]


PLACES = {
    "timestamps are complete below the last": (NAIVE, 7_300_000, 7_300_000),
    "text in utc below its minute": (TEXT_UTC, 127_300_000, 120_000_000),
    "text of two offsets below its hour": (TEXT_MIXED, 7_200_300_000, 3_600_000_000),
    "local text below its second": (TEXT_LOCAL, 7_300_000, 7_000_000),
    "text of today": (TEXT_UTC, NOON * 1_000_000 + 59_999_999, NOON * 1_000_000),
}


@pytest.mark.parametrize(("of", "last", "below"), PLACES.values(), ids=PLACES)
def test_a_full_page_is_complete_below_its_last_row(of: Axis, last: int, below: int) -> None:
    found = of.complete_below(last)
    assert (found, type(found)) == (below, int)


STRAYS: list[object] = [None, "x", "02.03.2026 12:00:00", "2026-03-02 12:00:00", "2026-03-02T12:00:00", "2026-03-02",
                        1_700_000_000, 1.5, b"2026-03-02T12:00:00"]  # fmt: skip
UNREADABLE = {
    "numbers": (SECONDS, [0, 1, 2, 3, 4, 5, 8]),
    "text with T": (TEXT_UTC, [0, 1, 2, 3, 5, 6, 7, 8]),
    "text with a space": (TEXT_LOCAL, [0, 1, 2, 4, 5, 6, 7, 8]),
    "timestamps": (NAIVE, [0]),
    "text whose form is not known": (axis(Kind.TEXT), [0]),
}


@pytest.mark.parametrize(("of", "strays"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_the_bounds_cannot_find_is_unreadable(of: Axis, strays: list[int]) -> None:
    assert selected(of.unreadable("sqlite"), STRAYS) == [STRAYS[i] for i in strays]


ZONES = {
    "timestamps": (NAIVE, BERLIN), "aware": (AWARE, None), "numbers": (SECONDS, None),
    "local text": (TEXT_LOCAL, BERLIN), "text in utc": (TEXT_UTC, None),
    "text of two offsets": (TEXT_MIXED, None), "timestamps without a zone": (axis(Kind.NAIVE), None),
    "text in utc whose naive strays have a zone": (axis(Kind.TEXT, BERLIN, form=UTC_TEXT), None),
}  # fmt: skip


@pytest.mark.parametrize(("of", "zone"), ZONES.values(), ids=ZONES)
def test_the_zone_of_naive_times(of: Axis, zone: str | None) -> None:
    assert (str(of.zone) if of.zone else None) == zone


STAMP, ZONED = sa.DateTime(), sa.DateTime(timezone=True)
KINDS = {
    "a number with an epoch": (sa.Integer(), "s", None, "postgresql", Kind.NUMBER),
    "numeric with an epoch": (sa.Numeric(), "ms", None, "postgresql", Kind.NUMBER),
    "sqlite's untyped column with an epoch": (sa.types.NullType(), "s", None, "sqlite", Kind.NUMBER),
    "text with an epoch": (sa.Text(), "s", None, "postgresql", "not a number; remove `epoch`"),
    "text with an epoch on sqlite": (sa.Text(), "s", None, "sqlite", "not a number; remove `epoch`"),
    "a timestamp with an epoch": (STAMP, "s", None, "postgresql", "not a number; remove `epoch`"),
    "an integer without an epoch": (sa.Integer(), None, None, "sqlite", "set `epoch` to s, ms, us or ns"),
    "numeric without an epoch": (sa.Numeric(), None, None, "postgresql", "set `epoch` to s, ms, us or ns"),
    "sqlite's numeric affinity": (sa.Numeric(), None, None, "sqlite", Kind.TEXT),
    "text": (sa.Text(), None, None, "postgresql", Kind.TEXT),
    "a timestamp on sqlite": (STAMP, None, None, "sqlite", Kind.TEXT),
    "timestamptz": (ZONED, None, None, "postgresql", Kind.AWARE),
    "a timestamp in a zone": (STAMP, None, BERLIN, "postgresql", Kind.NAIVE),
    "a date in a zone": (sa.Date(), None, BERLIN, "postgresql", Kind.NAIVE),
    "a timestamp without a zone": (STAMP, None, None, "postgresql", "set `zone` to their IANA zone"),
    "a boolean": (sa.Boolean(), None, None, "postgresql", "expected a timestamp, ISO text, or a number"),
}  # fmt: skip


@pytest.mark.parametrize(("type_", "epoch", "zone", "dialect", "kind"), KINDS.values(), ids=KINDS)
def test_how_a_column_of_a_type_holds_times(
    type_: sa.types.TypeEngine[object], epoch: str | None, zone: str | None, dialect: str, kind: Kind | str
) -> None:
    config = TimeColumn.model_validate({"column": "ts", "zone": zone, "epoch": epoch})
    if isinstance(kind, Kind):
        assert kind_of(type_, config, dialect, "mes.parts.ts") is kind
    else:
        with pytest.raises(UsageError, match=f"^mes.parts.ts .*{kind}"):
            kind_of(type_, config, dialect, "mes.parts.ts")


Z, SUMMER, WINTER = "2026-03-02T12:00:00Z", "2026-07-02 12:00:00+02:00", "2026-03-02 12:00:00+01:00"
LOCAL = "2026-03-02 12:00:00"
FORMS = {
    "in utc": ([Z], TextForm("T", timedelta(0), timedelta(0))),
    "in summer only: winter is an hour less": ([SUMMER], TextForm(" ", HOUR, 3 * HOUR)),
    "in both": ([SUMMER, WINTER], TextForm(" ", timedelta(0), 3 * HOUR)),
    "naive in a zone": ([LOCAL], TextForm(" ")),
    "one stray in five": ([LOCAL] * 4 + [Z], TextForm(" ")),
    "a stray's offset does not count": ([SUMMER] * 4 + [Z], TextForm(" ", HOUR, 3 * HOUR)),
    "words beside times": ([LOCAL, "soon", "", "n/a"], TextForm(" ")),
    "no time at all": (["soon", "2026-03-02", "02.03.2026 12:00"], None),
    "nothing": ([], None),
}  # fmt: skip


@pytest.mark.parametrize(("samples", "form"), FORMS.values(), ids=FORMS)
def test_how_sampled_texts_write_times(samples: list[str], form: TextForm | None) -> None:
    assert text_form(samples, TimeColumn(column="ts", zone=BERLIN), "mes.parts.ts") == form


MIXTURES = {
    "two strays in five": ([LOCAL] * 3 + [Z] * 2, BERLIN, "formats that do not sort together"),
    "naive without a zone": ([LOCAL], None, "set `zone` to their IANA zone"),
}


@pytest.mark.parametrize(("samples", "zone", "problem"), MIXTURES.values(), ids=MIXTURES)
def test_texts_that_do_not_say_enough(samples: list[str], zone: str | None, problem: str) -> None:
    with pytest.raises(UsageError, match=f"^mes.parts.ts .*{problem}"):
        text_form(samples, TimeColumn(column="ts", zone=zone), "mes.parts.ts")
