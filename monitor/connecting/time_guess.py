"""Which format the times of a text column are written in, guessed from samples; a format is never guessed half."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from monitor.plant.time_formats import time_format

MIN_SHARE = 0.8
"""Share of the samples that a format must read; the others are other texts, or mistakes."""
_ISO = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?\s*(Z|[+-]\d\d(:?\d\d)?)?", re.ASCII)
_FORM = re.compile(
    r"""(?P<date>(?P<y>\d{4})(?P<s1>[-/.])(?P<ymd>\d{1,2}(?P=s1)\d{1,2}) | \d{8}
          | (?P<first>\d{1,2})(?P<s2>[-/.])\d{1,2}(?P=s2)(?P<last>\d{4}|\d\d)
          | (?P<day>\d{1,2})(?P<s3>[-. /])[A-Za-z]{3}(?P=s3)(?P<year>\d{4}|\d\d)
          | [A-Za-z]{3}[ ]+\d{1,2}(?P<comma>,?)[ ]+\d{4})
        (?:(?P<gap>T|[ ]+|,[ ]?|[-_:]|(?<=\d{8})(?=\d))
          (?P<clock>(?P<hour>\d{1,2})(?P<c>[:.])\d\d(?P<second>(?P=c)\d\d(?P<fraction>[.,]\d{1,9})?)? | \d{6} | \d{4})
          (?P<half>[ ]?[AaPp][Mm])?)?
        (?P<offset>[ ]?(?:Z|[+-]\d\d(?::?\d\d)?|UTC|GMT))?""",
    re.ASCII | re.VERBOSE,
)
_EPOCH_YEARS = (1990, 2100)


def guess_time_format(samples: Iterable[str]) -> str | None:
    """The `format` that reads the samples; None if none of the common ones does, none is needed, or two would do.

    >>> guess_time_format(["01.03.2026 08:01:00"])
    '%d.%m.%Y %H:%M:%S'
    >>> guess_time_format(["03/01/2026"]) is None, guess_time_format(["03/01/2026", "03/13/2026"])
    (True, '%m/%d/%Y')
    """
    formats = possible_time_formats(samples)
    return formats[0] if len(formats) == 1 else None


def possible_time_formats(samples: Iterable[str]) -> tuple[str, ...]:
    """The common formats that read most of the samples, and equally many; two if day and month cannot be told apart.

    None where ISO text prevails (`2026-03-01 08:01:00`, with T or an offset), which needs no format.
    """
    texts = [text.strip() for text in samples if text.strip()]
    if not texts or sum(1 for text in texts if _ISO.fullmatch(text)) >= MIN_SHARE * len(texts):
        return ()
    candidates = dict.fromkeys(form for text in dict.fromkeys(texts) for form in _forms(text))
    read = Counter({form: sum(1 for text in texts if _reads(form, text)) for form in _whole(candidates)})
    best = max(read.values(), default=0)
    return tuple(form for form, count in read.items() if count == best >= MIN_SHARE * len(texts))


def guess_epoch(samples: Iterable[object]) -> str | None:
    """The unit of numbers since 1970 (`s`, `ms`, `us` or `ns`) with which the samples are times of our days, if any."""
    numbers = [float(v) for v in samples if isinstance(v, int | float) and not isinstance(v, bool)]
    first, last = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in _EPOCH_YEARS)
    for unit, size in (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)):
        if numbers and all(first <= number / size < last for number in numbers):
            return unit
    return None


def mask(text: str) -> str:
    """The form of a text that is no known time: digits as 9, letters as A."""
    return re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "9", text))


def _forms(text: str) -> Iterator[str]:
    """The formats that a single text suggests; a text of days up to 12 suggests both orders."""
    match = _FORM.fullmatch(text)
    if match is None:
        return
    short = bool(re.search(r"(?<!\d)\d(?!\d)", match["date"])) or (
        match["hour"] is not None and len(match["hour"]) == 1
    )
    for date in _dates(match):
        form = date + _clock(match) + _offset(match["offset"])
        yield re.sub(r"%([mdH])", r"%-\1", form) if short and form.startswith("%Y") else form


def _dates(match: re.Match[str]) -> tuple[str, ...]:
    if match["y"]:
        return (f"%Y{match['s1']}%m{match['s1']}%d",)
    if match["first"]:
        year = "%Y" if len(match["last"]) == 4 else "%y"
        mark = match["s2"]
        orders = [f"%d{mark}%m{mark}{year}"]
        if mark != ".":  # with points, the day comes first everywhere
            orders += [f"%m{mark}%d{mark}{year}"] + ([f"%y{mark}%m{mark}%d"] if year == "%y" else [])
        return tuple(orders)
    if match["day"]:
        return (f"%d{match['s3']}%b{match['s3']}{'%Y' if len(match['year']) == 4 else '%y'}",)
    return ("%Y%m%d",) if match["date"].isdigit() else (f"%b %d{match['comma']} %Y",)


def _clock(match: re.Match[str]) -> str:
    if match["clock"] is None:
        return ""
    hour = "%I" if match["half"] else "%H"
    if match["hour"] is None:
        clock = f"{hour}%M%S" if len(match["clock"]) == 6 else f"{hour}%M"
    else:
        clock = f"{hour}{match['c']}%M" + (f"{match['c']}%S" if match["second"] else "")
        clock += f"{match['fraction'][0]}%f" if match["fraction"] else ""
    half = "" if match["half"] is None else " %p" if match["half"].startswith(" ") else "%p"
    return (" " if match["gap"].isspace() else match["gap"]) + clock + half


def _offset(text: str | None) -> str:
    if text is None:
        return ""
    return (" " if text.startswith(" ") else "") + ("%Z" if text.strip() in ("UTC", "GMT") else "%z")


def _whole(candidates: Iterable[str]) -> Sequence[str]:
    """The candidates without those that another one covers: zeros that may be missing, and fractions."""
    forms = list(candidates)
    covered = {form.replace("%-", "%") for form in forms if "%-" in form}
    covered |= {re.sub(r"[.,]%f", "", form) for form in forms if "%f" in form}
    return [form for form in forms if form not in covered]


def _reads(form: str, text: str) -> bool:
    iso = time_format(form).iso(text)
    try:
        return iso is not None and datetime.fromisoformat(iso) is not None
    except ValueError:
        return False
