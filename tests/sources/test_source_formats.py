"""Time columns with a `format`: every row once and in order, on both databases; and columns that cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from source_databases import Database
from sources_plant import counted, everything, make_plant, numbers_of

from monitor.errors import UsageError
from monitor.model import RejectReason
from monitor.plant.time_formats import time_format
from monitor.sources.sql.formats import as_iso, unread
from monitor.sources.sql.source import SqlSource

# The months, days and halves of the day around here sort otherwise as text than as time.
START = datetime(2026, 9, 30, 9, 30, tzinfo=UTC)
END = START + timedelta(days=365)
BERLIN = ZoneInfo("Europe/Berlin")
Open = Callable[..., SqlSource]
READINGS = {"kind": "readings", "machine": "m", "values": {"temp": "a"}}


def unpadded(at: datetime) -> str:
    hour = at.hour % 12 or 12
    return f"{at.month}/{at.day}/{at.year} {hour}:{at:%M:%S} {'AM' if at.hour < 12 else 'PM'}"


def strftime(form: str) -> Callable[[datetime], str]:
    return lambda at: at.strftime(form)


FORMATS: dict[str, tuple[str, str | None, Callable[[datetime], str], str]] = {
    "european": ("%d.%m.%Y %H:%M:%S", "Europe/Berlin", strftime("%d.%m.%Y %H:%M:%S"), "text"),
    "european with a fraction": ("%d.%m.%Y %H:%M:%S.%f", "Europe/Berlin", strftime("%d.%m.%Y %H:%M:%S.%f"), "text"),
    "american without zeros": ("%m/%d/%Y %I:%M:%S %p", "Europe/Berlin", unpadded, "text"),
    "the year first": ("%Y/%m/%d %H:%M:%S", "Europe/Berlin", strftime("%Y/%m/%d %H:%M:%S"), "text"),
    "the year first with a fraction": ("%Y/%m/%d %H:%M:%S,%f", "UTC", strftime("%Y/%m/%d %H:%M:%S,%f"), "text"),
    "the year first without zeros": (
        "%Y/%-m/%-d %-H:%M:%S", "UTC", lambda at: f"{at.year}/{at.month}/{at.day} {at.hour}:{at:%M:%S}", "text",
    ),
    "compact": ("%Y%m%dT%H%M%S", "Europe/Berlin", strftime("%Y%m%dT%H%M%S"), "text"),
    "a number": ("%Y%m%d%H%M%S", "UTC", strftime("%Y%m%d%H%M%S"), "bigint"),
    "digits in a padded column": ("%Y%m%d%H%M%S", "UTC", strftime("%Y%m%d%H%M%S"), "char(20)"),
    "utc in words": ("%Y-%m-%d %H:%M:%S %Z", None, strftime("%Y-%m-%d %H:%M:%S UTC"), "text"),
    "european with an offset": ("%d.%m.%Y %H:%M:%S %z", None, strftime("%d.%m.%Y %H:%M:%S %z"), "text"),
    "compact with an offset": ("%Y%m%dT%H%M%S%z", None, strftime("%Y%m%dT%H%M%S%z"), "text"),
    "month by name": ("%d-%b-%y %I.%M.%S.%f %p", "UTC", strftime("%d-%b-%y %I.%M.%S.%f %p"), "text"),
    "minutes": ("%d.%m.%Y %H:%M", "UTC", strftime("%d.%m.%Y %H:%M"), "text"),
    "minutes, the year first": ("%Y/%m/%d %H:%M", "UTC", strftime("%Y/%m/%d %H:%M"), "text"),
}  # fmt: skip


def rounded(at: datetime, form: str) -> datetime:
    if "%f" in form:
        return at
    return at.replace(microsecond=0) if "%S" in form else at.replace(second=0, microsecond=0)


@pytest.mark.parametrize(("form", "zone", "write", "kind"), FORMATS.values(), ids=FORMATS)
@pytest.mark.slow
def test_every_format_pages_and_counts_like_a_timestamp(
    database: Database, opened: Open, form: str, zone: str | None, write: Callable[[datetime], str], kind: str
) -> None:
    times = [rounded(START + timedelta(minutes=10 * i, milliseconds=500 * (i % 2)), form) for i in range(120)]
    database.run(f"CREATE TABLE t (ts {kind}, m text, a double precision)")
    local = BERLIN if zone == "Europe/Berlin" or "%z" in form else UTC
    rows = [(write(t.astimezone(local)), "m1", float(i)) for i, t in enumerate(times)]
    database.insert("t", [rows[i * 37 % 120] for i in range(120)])
    source = opened(database, at={"column": "ts", "format": form, "zone": zone}, **READINGS)
    source.verify()
    for limit in (30, 1000):
        pages = everything(source, limit=limit)
        assert numbers_of(pages) == [float(i) for i in range(120)]
        assert [t.to_pydatetime() for p in pages for t in p.frame["at"]] == times
    middle = source.read(times[4], times[109], 1000)
    assert numbers_of([middle]) == [float(i) for i in range(5, 110)]
    assert (middle.position, middle.more, middle.read) == (times[109], False, 105)
    hour = datetime(2026, 9, 30, 10, tzinfo=UTC)
    counts = counted(source, START, START + timedelta(hours=20), END)
    assert counts == {hour + timedelta(hours=i): 6 for i in range(19)}
    again = source.read_hour(hour, hour + timedelta(hours=1), times[5])
    assert numbers_of([again]) == [3.0, 4.0, 5.0]
    assert source.strays(END, 10).rejects == ()


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y", "%Y%m%d"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC"])
def test_a_date_is_the_midnight_at_its_start(database: Database, opened: Open, form: str, zone: str) -> None:
    database.run("CREATE TABLE t (ts text, m text, a double precision)")
    midnights = [datetime(2026, 10, day, tzinfo=ZoneInfo(zone)) for day in range(20, 30)]
    database.insert("t", [(at.strftime(form), "m1", float(i)) for i, at in enumerate(midnights)])
    source = opened(database, at={"column": "ts", "format": form, "zone": zone}, **READINGS)
    for limit in (1, 3, 100):
        pages = everything(source, limit=limit)
        assert [t.to_pydatetime() for p in pages for t in p.frame["at"]] == midnights
    second = timedelta(seconds=1)
    assert numbers_of([source.read(None, midnights[3] - second, 100)]) == [0.0, 1.0, 2.0]
    assert numbers_of([source.read(midnights[0], midnights[3], 100)]) == [1.0, 2.0, 3.0]
    assert numbers_of([source.read(midnights[3] + second, END, 100)]) == [float(i) for i in range(4, 10)]
    first = midnights[1].astimezone(UTC)
    counts = counted(source, first - timedelta(hours=2), first + timedelta(hours=2), END)
    assert list(counts.values()) == [0, 0, 1, 0]
    assert numbers_of([source.read_hour(first, first + timedelta(hours=1), END)]) == [1.0]


@pytest.mark.parametrize("form", ["%d.%m.%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%m/%d/%Y %I:%M:%S %p"])
@pytest.mark.slow
def test_both_changes_of_the_clocks_lose_no_row(database: Database, opened: Open, form: str) -> None:
    changes = [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)]
    times = [c + timedelta(minutes=20 * i) for c in changes for i in range(-9, 9)]
    database.run("CREATE TABLE t (ts text, m text, a double precision)")
    database.insert("t", [(t.astimezone(BERLIN).strftime(form), "m1", float(i)) for i, t in enumerate(times)])
    source = opened(database, at={"column": "ts", "format": form, "zone": "Europe/Berlin"}, **READINGS)
    twice = changes[1] - timedelta(hours=1), changes[1] + timedelta(hours=1)
    for limit in (1, 4, 100):
        pages = everything(source, limit=limit)
        assert [r.reason for p in pages for r in p.rejects] == [RejectReason.AMBIGUOUS_TIME] * 6
        found = [t.to_pydatetime() for p in pages for t in p.frame["at"]]
        assert found == [t for t in times if not twice[0] <= t < twice[1]]
    position, seen = None, 0
    for minute in range(-200, 200, 10):
        page = source.read(position, changes[1] + timedelta(minutes=minute), 100)
        position, seen = page.position, seen + page.read
    assert seen == len(times)


@pytest.mark.parametrize("form", ["%d.%m.%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S"])
def test_what_the_format_does_not_read_is_refused(database: Database, opened: Open, form: str) -> None:
    database.run("CREATE TABLE t (ts text, m text, a double precision)")
    good = [(START + timedelta(minutes=i)).strftime(form) for i in range(3)]
    other = ["2026-09-30 09:31:30", "09/30/2026 09:31:30", "soon", "", None, "2026/9/30 9:31:30x"]
    impossible = good[0].replace("09", "13").replace("30", "31", 1)
    database.insert("t", [(text, "m1", float(i)) for i, text in enumerate([*good, impossible, *other])])
    source = opened(database, at={"column": "ts", "format": form, "zone": "UTC"}, **READINGS)
    expected = {4.0 + i: RejectReason.IMPOSSIBLE_TIME if text else RejectReason.NO_TIME for i, text in enumerate(other)}
    for limit in (1, 100):
        pages = everything(source, limit=limit)
        assert numbers_of(pages) == [0.0, 1.0, 2.0]
        refused = [r for p in (*pages, source.strays(END, 100)) for r in p.rejects]
        assert {float(r.row["a"] or 0): r.reason for r in refused} == {**expected, 3.0: RejectReason.IMPOSSIBLE_TIME}
    ahead = source.strays(START - timedelta(hours=1), 100)
    assert {r.row["a"] for r in ahead.rejects if r.reason is RejectReason.AHEAD_OF_CLOCK} == {"0.0", "1.0", "2.0"}


def test_a_row_is_known_when_a_column_in_a_format_says_so(database: Database, opened: Open) -> None:
    database.run("CREATE TABLE t (ts text, known text, m text, a double precision)")
    hours = [(0, 30), (1, 2), (2, 31), (3, None)]
    form = "%d.%m.%Y %H:%M"
    told = [[None if h is None else (START + timedelta(hours=h)).strftime(form) for h in pair] for pair in hours]
    database.insert("t", [(*pair, "m1", float(i)) for i, pair in enumerate(told)])
    way = {"format": form, "zone": "UTC"}
    source = opened(database, at={"column": "ts", **way}, available_at={"column": "known", **way}, **READINGS)
    for limit in (1, 100):
        assert numbers_of(everything(source, limit=limit)) == [1.0, 0.0, 2.0]
    assert [r.reason for r in source.strays(END, 10).rejects] == [RejectReason.NO_TIME]
    hour = START.replace(minute=0)
    assert counted(source, hour, hour + timedelta(hours=2), START + timedelta(hours=3)) == {
        hour: 0, hour + timedelta(hours=1): 1
    }  # fmt: skip


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    minutes=st.lists(st.integers(0, 60 * 24 * 500), min_size=1, max_size=30),
    form=st.sampled_from([form for form, zone, _, kind in FORMATS.values() if kind == "text" and "%-" not in form]),
    limit=st.integers(1, 9),
)
@pytest.mark.slow
def test_any_rows_in_any_format_are_read_once_and_in_order(
    database: Database, opened: Open, minutes: list[int], form: str, limit: int
) -> None:
    database.run("DROP TABLE IF EXISTS t", "CREATE TABLE t (ts text, m text, a double precision)")
    times = [START - timedelta(days=200) + timedelta(minutes=m) for m in minutes]
    database.insert("t", [(t.strftime(form), "m1", float(m)) for m, t in zip(minutes, times, strict=True)])
    source = opened(database, at={"column": "ts", "format": form, "zone": "UTC"}, **READINGS)
    late = START + timedelta(days=400)
    page, after, pages = None, None, []
    while page is None or page.more:
        page = source.read(after, late, limit)
        pages.append(page)
        after = page.position
    assert numbers_of(pages) == sorted(minutes)
    found = [t.to_pydatetime() for p in pages for t in p.frame["at"]]
    assert found == sorted(t.replace(second=0) for t in times)


ODD = [
    "",
    " ",
    "x",
    "99.99.9999 99:99:99",
    "01.03.2026 08:01:00\n",
    "1.3.2026 8:1:0",
    "\u0660\u0661.03.2026 08:01:00",
    "\\",
    "'",
]


MORE = (
    "%d.%m.%y", "%Y%m%d%H%M%S%f", "%d%m%Y%H%M", "at %b-%d-%Y", "%d.%m.%Y %I%p", "%d/%m/%Y %H:%M:%S.%f%z",
    "%d-%m-%Y %H:%M %z", "%p %I %d-%m-%Y", "%Z %d.%m.%Y", "%d%%%m%%%Y",
)  # fmt: skip


@pytest.mark.parametrize("form", [*dict.fromkeys(form for form, *_ in FORMATS.values()), *MORE])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(alphabet="0123456789.:/ -APMTZUCabfr+,", max_size=26), min_size=5))
def test_postgresql_reads_a_format_as_python_does(postgres: Database, form: str, texts: list[str]) -> None:
    found = time_format(form)
    written = [
        datetime(2026, 12, 31, hour, 5, 7, 250_000, tzinfo=UTC).strftime(form.replace("%-", "%")) for hour in (0, 9, 23)
    ]
    texts = [text for text in (*texts, *ODD, *written) if "\x00" not in text]
    column: sa.ColumnElement[Any] = sa.column("ts", sa.Text)
    rows = sa.values(sa.column("i", sa.Integer), column, name="v").data(list(enumerate(texts)))
    statement = sa.select(as_iso(column, found, "postgresql"), unread(column, found, "postgresql")).select_from(rows)
    with postgres.engine.connect() as connection:
        read = [tuple(row) for row in connection.execute(statement.order_by(rows.c.i))]
    for text, (iso, unreadable) in zip(texts, read, strict=True):
        expected = found.iso(text)
        if expected is not None or "%I" not in form:  # an hour 13 of 12 is refused when the row is read
            assert (iso, unreadable) == (expected, expected is None), text


UNREAD: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "european": (
        ["01.03.2026 08:01:00"], {},
        "holds times as DD.MM.YYYY hh:mm:ss, such as '01.03.2026 08:01:00'; set `format` to \"%d.%m.%Y %H:%M:%S\", and "
        "`zone` to their IANA zone",
    ),
    "in a zone": (
        ["2026/03/01 08:01:00"], {"zone": "UTC"},
        "holds times as YYYY/MM/DD hh:mm:ss, such as '2026/03/01 08:01:00'; set `format` to \"%Y/%m/%d %H:%M:%S\"",
    ),
    "utc in words": (
        ["2026-03-01 08:01:00 UTC"], {},
        "holds times as YYYY-MM-DD hh:mm:ss UTC, such as '2026-03-01 08:01:00 UTC'; set `format` to "
        '"%Y-%m-%d %H:%M:%S %Z"',
    ),
    "dates": (
        ["2026-03-01"], {"zone": "UTC"},
        "holds times as YYYY-MM-DD, such as '2026-03-01'; set `format` to \"%Y-%m-%d\"",
    ),
    "an order that is open": (
        ["03/01/2026", "04/02/2026"], {"zone": "UTC"},
        "holds times as DD/MM/YYYY or MM/DD/YYYY, such as '03/01/2026'; set `format` to \"%d/%m/%Y\" or \"%m/%d/%Y\": "
        "no value says which number is the day, as none is above 12",
    ),
    "an order that one row decides": (
        [*["03/01/2026"] * 700, "03/31/2026"], {"zone": "UTC"},
        "holds times as MM/DD/YYYY, such as '03/01/2026'; set `format` to \"%m/%d/%Y\"",
    ),
    "another format than the one given": (
        ["2026/03/01 08:01:00"], {"zone": "UTC", "format": "%d.%m.%Y %H:%M:%S"},
        "holds times as YYYY/MM/DD hh:mm:ss, such as '2026/03/01 08:01:00', which its format \"%d.%m.%Y %H:%M:%S\" "
        'does not read; set `format` to "%Y/%m/%d %H:%M:%S"',
    ),
    "a time of day without colons": (
        ["2026-03-01T080100"], {"zone": "UTC"},
        "holds times as YYYY-MM-DDThhmmss, such as '2026-03-01T080100'; set `format` to \"%Y-%m-%dT%H%M%S\"",
    ),
    "a comma before the fraction": (
        ["2026-03-01 08:01:00,250"], {"zone": "UTC"},
        "holds times as YYYY-MM-DD hh:mm:ss,fff, such as '2026-03-01 08:01:00,250'; set `format` to "
        '"%Y-%m-%d %H:%M:%S,%f"',
    ),
    "no time at all": (
        ["shift A1", None], {"zone": "UTC"},
        "holds no time that can be read: its form is 'AAAAA A9', such as 'shift A1'; set `format` to how its times are "
        'written, such as "%d.%m.%Y %H:%M:%S", or convert them in a view',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("texts", "keys", "said"), UNREAD.values(), ids=UNREAD)
@pytest.mark.parametrize("which", ["at", "available_at"])
@pytest.mark.slow
def test_a_column_in_which_nothing_can_be_read_stops_the_source(
    database: Database, opened: Open, texts: list[Any], keys: dict[str, Any], said: str, which: str
) -> None:
    database.run("CREATE TABLE t (ts text, good text, m text, a double precision)")
    database.insert("t", [(text, "2026-03-01 08:00:00Z", "m1", 1.0) for text in texts])
    column = {"column": "ts", **keys}
    times = {"at": column} if which == "at" else {"at": "good", "available_at": column}
    for use in (SqlSource.verify, lambda source: source.read(None, END, 10), lambda source: source.strays(END, 10)):
        with pytest.raises(UsageError) as caught:
            use(opened(database, **times, **READINGS))
        assert str(caught.value) == f"source 'it': column 'ts' of table 't' {said}"


@pytest.mark.parametrize(("texts", "keys"), [(t, k) for t, k, _ in UNREAD.values()], ids=UNREAD)
@pytest.mark.slow
def test_the_format_that_is_named_reads_the_column(
    database: Database, opened: Open, texts: list[Any], keys: dict[str, Any]
) -> None:
    database.run("CREATE TABLE t (ts text, m text, a double precision)")
    database.insert("t", [(text, "m1", 1.0) for text in texts])
    with pytest.raises(UsageError) as caught:
        opened(database, at={"column": "ts", **keys}, **READINGS).verify()
    named = str(caught.value).rpartition("set `format` to ")[2].split('"')[1::2]
    for form in named if "can be read" not in str(caught.value) else ():
        source = opened(database, at={"column": "ts", "zone": "UTC", "format": form}, **READINGS)
        assert numbers_of(everything(source, limit=100)) == [1.0] * len(texts)


def test_numbers_that_are_no_times_in_their_unit_stop_the_source(database: Database, opened: Open) -> None:
    database.run("CREATE TABLE t (ts double precision, m text, a double precision)")
    database.insert("t", [(1_767_614_400_000.0, "m1", 1.0)])
    with pytest.raises(
        UsageError, match=r"such as '1767614400000.0', which is no time in s since 1970; set `epoch` to ms"
    ):
        opened(database, at={"column": "ts", "epoch": "s"}, **READINGS).verify()
    source = opened(database, at={"column": "ts", "epoch": "ms"}, **READINGS)
    assert numbers_of([source.read(None, END, 10)]) == [1.0]


def test_text_in_a_column_with_an_epoch_stops_the_source(sqlite: Database, opened: Open) -> None:
    sqlite.run("CREATE TABLE t (ts INTEGER, m text, a double precision)")
    sqlite.insert("t", [("01.03.2026", "m1", 1.0)])
    with pytest.raises(UsageError, match=r"holds times as DD.MM.YYYY, such as '01.03.2026', which is no time in ms"):
        opened(sqlite, at={"column": "ts", "epoch": "ms"}, **READINGS).verify()
    sqlite.insert("t", [(1_767_614_400_000, "m1", 2.0)])
    assert numbers_of([opened(sqlite, at={"column": "ts", "epoch": "ms"}, **READINGS).read(None, END, 10)]) == [2.0]


@pytest.mark.parametrize("config", [{}, {"format": "%d.%m.%Y"}, {"format": "%Y/%m/%d"}])
def test_a_column_without_a_value_is_no_error(database: Database, opened: Open, config: dict[str, str]) -> None:
    database.run("CREATE TABLE t (ts text, m text, a double precision)")
    source = opened(database, at={"column": "ts", "zone": "UTC", **config}, **READINGS)
    for rows in ([], [(None, "m1", 1.0)], [("", "m1", 1.0)]):
        database.insert("t", rows)
        source.verify()
        assert source.read(None, END, 10).read == 0
    database.insert("t", [("01.03.2026" if config.get("format") == "%d.%m.%Y" else "2026/03/01", "m1", 2.0)])
    if config:
        assert numbers_of([source.read(None, END, 10)]) == [2.0]
    else:
        with pytest.raises(UsageError, match="set `format`"):
            source.read(None, END, 10)


@pytest.mark.postgres
def test_a_format_of_a_column_that_is_no_text_is_refused(postgres: Database, opened: Open) -> None:
    postgres.run("CREATE TABLE t (ts timestamp, m text, a double precision)")
    with pytest.raises(UsageError, match="is TIMESTAMP, not text; remove `format`"):
        opened(postgres, at={"column": "ts", "format": "%d.%m.%Y", "zone": "UTC"}, **READINGS).verify()


@pytest.mark.parametrize("declared", ["TEXT", "DATE", "TIMESTAMP", "INTEGER", ""])
def test_sqlite_may_keep_digits_as_numbers(sqlite: Database, opened: Open, declared: str) -> None:
    sqlite.run(f"CREATE TABLE t (ts {declared}, m text, a double precision)")
    sqlite.insert("t", [(f"202610{day:02d}", "m1", float(day)) for day in range(1, 31)])
    sqlite.insert("t", [(20261031, "m1", 31.0)])
    source = opened(sqlite, at={"column": "ts", "format": "%Y%m%d", "zone": "UTC"}, **READINGS)
    assert numbers_of(everything(source)) == [float(day) for day in range(1, 32)]


@pytest.mark.postgres
def test_the_plain_column_is_compared_where_its_format_sorts(postgres: Database, opened: Open) -> None:
    postgres.run("CREATE TABLE t (ts text, m text, a double precision)")
    postgres.insert("t", [("2026/10/01 08:00:00", "m1", 1.0)])
    seen: list[str] = []
    source = opened(postgres, at={"column": "ts", "format": "%Y/%m/%d %H:%M:%S", "zone": "UTC"}, **READINGS)
    source.verify()
    sa.event.listen(source._engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    source.read(START, END, 10)
    assert "t.ts >= " in seen[-1]
    assert "regexp_match" not in seen[-1]


def test_kinds_of_sources_all_take_a_format() -> None:
    way = {"column": "ts", "format": "%d.%m.%Y", "zone": "UTC"}
    kinds: list[dict[str, Any]] = [
        {"kind": "part_steps", "serial": "sn", "step": "op"}, READINGS,
        {"kind": "machine_states", "machine": "m", "state": "s"},
        {"kind": "outcomes", "serial": "sn", "characteristic": "twist", "value": "v"},
        {"kind": "dispositions", "serial": "sn", "disposition": "d"},
    ]  # fmt: skip
    for kind in kinds:
        source = make_plant(at=way, available_at=way, **kind).sources["it"]
        assert source.available_at is not None
        assert source.at.format == source.available_at.format == "%d.%m.%Y"


OUTCOMES = {"kind": "outcomes", "serial": "m", "characteristic": "twist", "value": "a"}
DATES = "the times in at are dates without a time of day"
SLOW = "the text in at does not sort by time, so every pull reads the whole table 't'"
DAYS = [f"2026-03-{day:02d}" for day in range(1, 13)]
REMARKS: dict[str, tuple[str, dict[str, str], dict[str, Any], list[str], list[str]]] = {
    "a format that sorts": ("text", {"format": "%Y/%m/%d %H:%M"}, READINGS, ["2026/03/01 08:00"], []),
    "a format that does not": ("text", {"format": "%d.%m.%Y %H:%M"}, READINGS, ["01.03.2026 08:00"], [SLOW]),
    "dates of readings": ("text", {"format": "%Y-%m-%d"}, READINGS, DAYS, []),
    "dates of outcomes": ("text", {"format": "%Y-%m-%d"}, OUTCOMES, DAYS[:1], [DATES]),
    "dates of outcomes that do not sort": ("text", {"format": "%d.%m.%Y"}, OUTCOMES, ["01.03.2026"], [SLOW, DATES]),
    "times of outcomes": ("text", {}, OUTCOMES, [f"{day} 08:00:00" for day in DAYS], []),
    "midnights of outcomes": ("text", {}, OUTCOMES, [f"{day} 00:00:00" for day in DAYS], [DATES]),
    "a few midnights": ("text", {}, OUTCOMES, [f"{day} 00:00:00" for day in DAYS[:9]], []),
    "midnights and a time": ("text", {}, OUTCOMES, [*(f"{day} 00:00:00" for day in DAYS), "2026-04-01 09:00:00"], []),
    "no outcome": ("text", {"format": "%Y-%m-%d"}, OUTCOMES, [], []),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "keys", "source", "texts", "said"), REMARKS.values(), ids=REMARKS)
def test_what_works_but_surprises_is_said(
    database: Database, opened: Open, kind: str, keys: dict[str, str], source: dict[str, Any], texts: list[str],
    said: list[str],
) -> None:  # fmt: skip
    database.run(f"CREATE TABLE t (ts {kind}, m text, a double precision)")
    database.insert("t", [(text, "m1", 1.0) for text in texts])
    found = opened(database, at={"column": "ts", "zone": "Europe/Berlin", **keys}, **source).verify()
    assert len(found) == len(said)
    assert all(sentence.startswith(f"source 'it': {start}") for sentence, start in zip(found, said, strict=True))


@pytest.mark.postgres
@pytest.mark.parametrize(("kind", "said"), [("date", 1), ("timestamp", 0)])
def test_outcomes_of_a_column_of_dates_are_said(postgres: Database, opened: Open, kind: str, said: int) -> None:
    postgres.run(f"CREATE TABLE t (ts {kind}, m text, a double precision)")
    postgres.insert("t", [("2026-03-01", "m1", 1.0)])
    assert len(opened(postgres, at={"column": "ts", "zone": "Europe/Berlin"}, **OUTCOMES).verify()) == said


def test_a_second_time_column_that_does_not_sort_is_said(database: Database, opened: Open) -> None:
    database.run("CREATE TABLE t (ts text, known text, m text, a double precision)")
    database.insert("t", [("2026-03-01 08:00:00Z", "01.03.2026", "m1", 1.0)])
    known = {"column": "known", "format": "%d.%m.%Y", "zone": "UTC"}
    (said,) = opened(database, available_at=known, **READINGS).verify()
    assert "the text in available_at does not sort by time" in said
