"""Formats of times as text: what they read, whether they sort, how they are refused, and how they are guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.connecting.time_guess import guess_epoch, guess_time_format, possible_time_formats
from monitor.plant.time_formats import time_format

READ = {
    "european": ("%d.%m.%Y %H:%M:%S", "01.03.2026 08:01:00", "2026-03-01 08:01:00"),
    "without leading zeros": ("%d.%m.%Y %H:%M:%S", "1.3.2026 8:01:00", "2026-03-01 08:01:00"),
    "american with halves of the day": ("%m/%d/%Y %I:%M:%S %p", "3/1/2026 12:01:00 am", "2026-03-01 00:01:00"),
    "noon": ("%m/%d/%Y %I:%M %p", "03/01/2026 12:00 PM", "2026-03-01 12:00:00"),
    "an hour that is none of twelve": ("%m/%d/%Y %I:%M %p", "03/01/2026 13:00 PM", None),
    "the year first": ("%Y/%m/%d %H:%M:%S", "2026/03/01 08:01:00", "2026-03-01 08:01:00"),
    "the year first, without zeros, as declared": ("%Y/%-m/%-d %-H:%M", "2026/3/11 8:01", "2026-03-11 08:01:00"),
    "the year first, without zeros, not declared": ("%Y/%m/%d %H:%M", "2026/3/11 8:01", None),
    "compact": ("%Y%m%dT%H%M%S", "20260301T080100", "2026-03-01 08:01:00"),
    "compact without a letter": ("%Y%m%d%H%M%S", "20260301080100", "2026-03-01 08:01:00"),
    "a number": ("%Y%m%d", 20260301, "2026-03-01 00:00:00"),
    "a decimal": ("%Y%m%d", Decimal("20260301"), "2026-03-01 00:00:00"),
    "a whole float": ("%Y%m%d", 20260301.0, "2026-03-01 00:00:00"),
    "a broken number": ("%Y%m%d", 20260301.5, None),
    "no number": ("%Y%m%d", Decimal("NaN"), None),
    "infinity": ("%Y%m%d", float("inf"), None),
    "a date": ("%d.%m.%Y", " 01.03.2026  ", "2026-03-01 00:00:00"),
    "utc in words": ("%Y-%m-%d %H:%M:%S %Z", "2026-03-01 08:01:00 UTC", "2026-03-01 08:01:00Z"),
    "an offset": ("%d/%m/%Y %H:%M %z", "01/03/2026 08:01 +0100", "2026-03-01 08:01:00+0100"),
    "a fraction": ("%d.%m.%Y %H:%M:%S,%f", "01.03.2026 08:01:00,5", "2026-03-01 08:01:00.500000"),
    "a fraction that is left out": ("%d.%m.%Y %H:%M:%S,%f", "01.03.2026 08:01:00", "2026-03-01 08:01:00.000000"),
    "digits finer than a microsecond": (
        "%Y/%m/%d %H:%M:%S.%f", "2026/03/01 08:01:00.1234567", "2026-03-01 08:01:00.123456",
    ),
    "oracle": ("%d-%b-%y %I.%M.%S.%f %p", "01-MAR-26 08.01.00.25 AM", "2026-03-01 08:01:00.250000"),
    "sql server": ("%b %d %Y %I:%M%p", "Mar  1 2026  8:01AM", "2026-03-01 08:01:00"),
    "the last century": ("%d.%m.%y", "01.03.99", "1999-03-01 00:00:00"),
    "a percent sign": ("%d%%%m%%%Y", "01%03%2026", "2026-03-01 00:00:00"),
    "another form": ("%d.%m.%Y", "01/03/2026", None),
    "a rest": ("%d.%m.%Y", "01.03.2026 08:00", None),
    "a truth": ("%Y%m%d", True, None),
    "nothing": ("%Y%m%d", None, None),
}  # fmt: skip


@pytest.mark.parametrize(("form", "value", "iso"), READ.values(), ids=READ)
def test_a_format_reads(form: str, value: object, iso: str | None) -> None:
    assert time_format(form).iso(value) == iso


SORTS = {
    "%Y/%m/%d %H:%M:%S": timedelta(seconds=1), "%Y%m%dT%H%M%S.%fZ": timedelta(seconds=1),
    "%Y/%m/%d %H:%M": timedelta(minutes=1), "%Y-%m-%d %HZ %Z": timedelta(hours=1), "%Y-%m-%d": timedelta(days=1),
    "%Y%m%dT%H%M%S%z": timedelta(seconds=1), "%d.%m.%Y": None, "%m/%d/%Y %H:%M": None, "%Y-%d-%m": None,
    "%y/%m/%d": None, "%Y/%-m/%d": None, "%Y/%b/%d": None, "%Y/%m/%d %I:%M %p": None, "%H:%M %Y-%m-%d": None,
    "%Z %Y-%m-%d": None,
}  # fmt: skip


@pytest.mark.parametrize(("form", "unit"), SORTS.items(), ids=SORTS)
def test_a_format_sorts_by_time_if_it_runs_from_the_year_to_its_smallest_unit(
    form: str, unit: timedelta | None
) -> None:
    found = time_format(form)
    assert (found.sorts, found.resolution) == (unit is not None, unit or timedelta(0))


@given(
    st.sampled_from([form for form, unit in SORTS.items() if unit]),
    st.lists(st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31)), min_size=2, max_size=9),  # noqa: DTZ001
)
@pytest.mark.slow
def test_what_sorts_is_written_in_the_order_of_time(form: str, walls: list[datetime]) -> None:
    found = time_format(form)
    written = [found.write(wall) for wall in walls]
    assert sorted(written) == [found.write(wall) for wall in sorted(walls)]


NO_FORMATS = {
    "": "expected a year",
    "%H:%M:%S": "expected a year",
    "%d.%m.%Y %q": "'%q' is no directive of a time format; allowed: %Y, ",
    "%d.%m.%Y %": "'%' is no directive",
    "%d.%m.%Y %-": "'%-' is no directive",
    "%d.%m.%-Y": "'%-Y' is no directive",
    "%d.%d.%m.%Y": "'%d' is given twice",
    "%d.%m.%Y %y": "expected '%Y' or '%y', not both",
    "%d.%m.%Y %I:%M": "expected '%I' with '%p'",
    "%d.%m.%Y %M": "'%M' needs '%H'",
    "%d.%m.%Y %H.%f": "'%f' needs '%S'",
    "%z %d.%m.%Y": "expected '%z' as the last directive",
    "%H:%M:%S.%f %d.%m.%Y": "expected '%f' after the other numbers",
    "%d.%m.20%y": "expected no digits beside the directives",
    "%d.%m.%Y\n": "printable",
    "%d.%m.%Y" + " " * 100: "at most 100",
}


@pytest.mark.parametrize(("form", "problem"), NO_FORMATS.items())
def test_what_is_no_format_is_refused_with_a_reason(form: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        time_format(form)


GUESSED: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "european with points": (["01.03.2026 08:01:00"], ("%d.%m.%Y %H:%M:%S",)),
    "european without zeros": (["1.3.2026 8:01", "12.12.2026 18:01"], ("%d.%m.%Y %H:%M",)),
    "european with two digits": (["01.03.26 08:01"], ("%d.%m.%y %H:%M",)),
    "the year first": (["2026/03/01 08:01:00"], ("%Y/%m/%d %H:%M:%S",)),
    "the year first, some without zeros": (["2026/12/10 18:01", "2026/3/1 8:01"], ("%Y/%-m/%-d %-H:%M",)),
    "compact": (["20260301T080100"], ("%Y%m%dT%H%M%S",)),
    "compact in utc": (["20260301T080100Z"], ("%Y%m%dT%H%M%S%z",)),
    "digits": (["20260301080100"], ("%Y%m%d%H%M%S",)),
    "a compact date": (["20260301"], ("%Y%m%d",)),
    "slashes that leave the order open": (["03/01/2026 08:01", "04/02/2026 09:00"],
                                          ("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M")),
    "slashes with a day above 12 in front": (["03/01/2026", "13/01/2026"], ("%d/%m/%Y",)),
    "slashes with a day above 12 in the middle": (["3/1/2026 8:01:00 AM", "1/31/2026 8:01:00 PM"],
                                                  ("%m/%d/%Y %I:%M:%S %p",)),
    "dashes that leave the order open": (["03-01-2026"], ("%d-%m-%Y", "%m-%d-%Y")),
    "three numbers of two digits": (["01/03/02"], ("%d/%m/%y", "%m/%d/%y", "%y/%m/%d")),
    "utc in words": (["2026-03-01 08:01:00 UTC"], ("%Y-%m-%d %H:%M:%S %Z",)),
    "a date": (["2026-03-01"], ("%Y-%m-%d",)),
    "a comma before the fraction": (["2026-03-01 08:01:00,250"], ("%Y-%m-%d %H:%M:%S,%f",)),
    "some without a fraction": (["2026/03/01 08:01:00", "2026/03/01 08:01:00.5"], ("%Y/%m/%d %H:%M:%S.%f",)),
    "month by name": (["01-MAR-26 08.01.00.25 AM"], ("%d-%b-%y %I.%M.%S.%f %p",)),
    "sql server's text": (["Mar  1 2026  8:01AM"], ("%b %d %Y %I:%M%p",)),
    "one mistake in five": (["01.03.2026"] * 4 + ["soon"], ("%d.%m.%Y",)),
    "two mistakes in five": (["01.03.2026"] * 3 + ["soon"] * 2, ()),
    "iso, which needs none": (["2026-03-01 08:01:00", "2026-03-01T08:01Z"], ()),
    "a day that does not exist": (["31.02.2026"], ()),
    "words": (["soon", "n/a"], ()),
    "nothing": (["", "  "], ()),
}  # fmt: skip


@pytest.mark.parametrize(("samples", "formats"), GUESSED.values(), ids=GUESSED)
def test_a_format_is_guessed_where_it_is_clear(samples: list[str], formats: tuple[str, ...]) -> None:
    assert possible_time_formats(samples) == formats
    assert guess_time_format(samples) == (formats[0] if len(formats) == 1 else None)


@given(st.lists(st.text(alphabet="0123456789/.-: TZAPMUC+,", max_size=25), max_size=6))
@pytest.mark.slow
def test_no_text_breaks_the_guess_and_what_is_guessed_reads(samples: list[str]) -> None:
    for form in possible_time_formats(samples):
        assert any(time_format(form).iso(text) for text in samples)


@given(
    st.datetimes(datetime(2001, 1, 13), datetime(2099, 12, 31)),  # noqa: DTZ001
    st.sampled_from(
        [form for _, formats in GUESSED.values() for form in formats if "-" not in form and "%f" not in form]
    ),
)
def test_a_guessed_format_reads_what_was_written_in_it(at: datetime, form: str) -> None:
    text = at.replace(day=max(at.day, 13), microsecond=0, tzinfo=UTC).strftime(form)
    assert form in possible_time_formats([text])


@pytest.mark.parametrize(
    ("samples", "unit"),
    [([1_767_614_400], "s"), ([1_767_614_400_000.0], "ms"), ([1_767_614_400_000_000], "us"),
     ([1_767_614_400_000_000_000], "ns"), ([1_767_614_400, 3], None), ([True], None), (["x"], None), ([], None)],
)  # fmt: skip
def test_the_unit_of_numbers_is_guessed(samples: list[object], unit: str | None) -> None:
    assert guess_epoch(samples) == unit
