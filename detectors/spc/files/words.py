"""A chart in words: in control or not, since when, by which rule, what the process can do, and what to do."""

from __future__ import annotations

from collections.abc import Iterator

from detectors.spc.capability import Capability
from detectors.spc.files.charting import Charted
from detectors.spc.intervals import CONFIDENCE, Estimate
from detectors.spc.points import Spread
from detectors.spc.rules import WORDS, false_alarms
from detectors.spc.signals import Signal

CUSTOMARY = 1.33
"""What is commonly asked of Cpk and Ppk (AIAG, Statistical Process Control, 2nd ed.)."""
MOST_SIGNALS = 8


def words(charted: Charted) -> Iterator[str]:
    """Lines for a person."""
    found = charted.study
    what = f"{len(found.points)} {'subgroups' if charted.column.labels is not None else 'values'}"
    yield f"{charted.file}: {plain(charted.column.name)}, {what}, chart {charted.chart.value}"
    yield f"verdict     {_verdict(charted)}"
    for signal in found.signals[:MOST_SIGNALS]:
        yield f"  {_signal(charted, signal)}"
    if len(found.signals) > MOST_SIGNALS:
        yield f"  and {len(found.signals) - MOST_SIGNALS} more; --json or --out has them all"
    if found.signals:
        yield f"expected    {_expected(charted)}"
    yield f"limits      {_limits(charted)}"
    if charted.capability is not None:
        yield f"capability  {_capability(charted.capability)}"
    yield from (f"to do       {line}" if i == 0 else f"            {line}" for i, line in enumerate(_to_do(charted)))


def place(charted: Charted, point: int) -> str:
    """A point as a person finds it: its row or subgroup, and its time."""
    row = int(charted.study.points.first[point])
    labels, times = charted.column.labels, charted.column.times
    name = f"row {row + 1}" if labels is None else f"subgroup {plain(labels[row])!r} (row {row + 1})"
    return name if times is None else f"{name}, {plain(times.texts[row])}"


def plain(text: str) -> str:
    """Text of a file for a terminal: without control characters."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _verdict(charted: Charted) -> str:
    found = charted.study
    asked = ", ".join(rule.value for rule in found.settings.rules)
    if not found.signals:
        return f"IN CONTROL (rules {asked})"
    after = found.of_phase1(False)
    if not after:
        return f"NOT IN CONTROL within phase 1 (rules {asked})"
    earliest = min(after, key=lambda signal: signal.first)
    return f"OUT OF CONTROL since {place(charted, earliest.since)} (rules {asked})"


def _signal(charted: Charted, signal: Signal) -> str:
    rule = WORDS[signal.rule]
    side = "" if signal.above is None else ", above" if signal.above else ", below"
    until = "" if signal.last == signal.first else f" to {place(charted, signal.last)}"
    began = "" if signal.since == signal.first else f", begun at {place(charted, signal.since)}"
    name = f"rule {signal.rule.value}" if signal.rule.value != rule else "rule"
    return f"{name}: {rule}{side}, at {place(charted, signal.first)}{until}{began}"


def _expected(charted: Charted) -> str:
    found = charted.study
    count = len(found.points)
    false = false_alarms(found.settings.rules, count)
    about = f"about {false:,.0f}" if false >= 1 else "less than 1"
    return f"{about} of {len(found.signals):,} signals if nothing had changed in {count:,} points"


def _limits(charted: Charted) -> str:
    found = charted.study
    first, end = found.phase1
    window = "all points" if (first, end) == (0, len(found.points)) else (
        f"{place(charted, first)} to {place(charted, end - 1)}"
    )  # fmt: skip
    piece = found.points[first:end]
    lower, upper = found.limits.band(piece)
    largest = int(piece.sizes.argmax())
    center = float(found.limits.scale.values(0.0 * lower)[largest])
    source = {Spread.MOVING_RANGE: "moving ranges", Spread.RANGE: "ranges", Spread.DEVIATION: "standard deviations"}
    return (
        f"{lower[largest]:.6g} to {upper[largest]:.6g}, centre {center:.6g}, sigma {found.limits.sigma:.4g} from "
        f"{source[found.points.spread]}; phase 1: {window}"
    )


def _capability(found: Capability) -> str:
    shown = [("Cp", found.cp), ("Cpk", found.cpk), ("Pp", found.pp), ("Ppk", found.ppk)]
    said = [f"{name} {_estimate(value)}" for name, value in shown if value is not None]
    return f"{', '.join(said)}; {found.outside} of {found.count} outside the specification"


def _estimate(found: Estimate) -> str:
    return f"{found.value:.2f} ({CONFIDENCE:.0%}: {found.low:.2f} to {found.high:.2f})"


def _to_do(charted: Charted) -> Iterator[str]:
    found = charted.study
    if found.of_phase1(True):
        yield "phase 1 is not in control itself: find the cause, or name a window without it (--phase1 FROM..TO)"
    after = found.of_phase1(False)
    if after:
        yield f"find what changed at {place(charted, after[0].since)}, and keep the limits"
    can = charted.capability
    if can is not None:
        yield _advice(can, bool(found.signals))
    elif not found.signals:
        yield "nothing; keep the limits, and do not adjust the process after single points"


def _advice(found: Capability, signals: bool) -> str:
    index = found.cpk or found.ppk
    name = "Ppk" if found.cpk is None else "Cpk"
    if signals:
        return f"{name} says what was, not what will be, until the process is in control"
    if index.low >= CUSTOMARY:
        return f"nothing; {name} is above {CUSTOMARY} with {CONFIDENCE:.0%} confidence"
    if index.high < CUSTOMARY:
        return f"{name} is below {CUSTOMARY} with {CONFIDENCE:.0%} confidence: centre the process, or reduce its spread"
    return f"whether {name} is above {CUSTOMARY} is not known yet: measure more parts"
