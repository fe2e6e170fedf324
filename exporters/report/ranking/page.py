"""The page of a ranking of steps: what each tells of a characteristic, plotted with its interval, and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from exporters.html.formatting import number
from exporters.html.html import Html, chip, page, table, tag
from exporters.html.svg import block, label, round_values
from exporters.report.elements import legend, moment, plot
from exporters.report.ranking.values import RankedStep, StepFigures, StepRanking
from exporters.report.style import REPORT_STYLE

_ROW, _WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 26.0, 420.0, 112.0, 20.0, 6.0, 24.0
_STYLE = (
    REPORT_STYLE
    + """
figure svg { max-width: 38rem; }
@media (min-width: 46rem) { td { white-space: nowrap; } }
"""
)
_SIGNIFICANT = 0.1
_NAME = 17  # letters of a step's name in the plot


def percent(share: float) -> str:
    """A share as a percentage with one decimal; with one digit where that would hide on which side of 0 it lies.

    >>> percent(0.0731), percent(-0.0004), percent(0.000213), percent(0.0)
    ('7.3 %', '-0.04 %', '0.02 %', '0.0 %')
    """
    return f"{100 * share:.1f} %" if not share or abs(share) >= 0.0005 else f"{100 * share:.1g} %"


def conclusion(ranked: RankedStep) -> str:
    """Whether a step deserves a gate, and whether it has one, in words."""
    gate = f"has gate {ranked.gate}" if ranked.gate else "has none"
    if ranked.figures is None:
        return f"not ranked: {ranked.unranked}"
    if ranked.deserves_gate:
        return f"deserves a gate, {gate}"
    beside = f", {gate}" if ranked.gate else ""
    if ranked.figures.matters:
        return f"tells something, but its gain may be 0: rank again with more parts{beside}"
    if ranked.figures.q <= _SIGNIFICANT:
        return f"tells something, but misleads in some lots{beside}"
    return f"no gain shown{beside}"


def steps_page(site: str, rankings: Sequence[StepRanking], refused: Mapping[str, str]) -> str:
    """One page with a section for each ranked characteristic, and why others could not be ranked."""
    title = f"Which steps matter at {site}"
    intro = tag(
        "p",
        "The gain of a step is the share of the loss left by the steps before it that its values take away, on whole "
        "lots that nothing was fitted to; explained is the same as a share of all the loss. A step deserves a gate if "
        "it gains more than chance explains (q at most 0.1: among such steps at most one in ten is expected to be "
        "there by chance) and the whole 90 % interval of its gain is above 0.",
        class_="muted",
    )
    missing = [tag("p", sentence, class_="muted") for sentence in refused.values()]
    more = [tag("section", tag("h2", "Not ranked"), *missing)] if missing else []
    header = tag("header", tag("h1", title))
    return page(title, header, intro, *map(_section, rankings), *more, style=_STYLE)


def _section(ranking: StepRanking) -> Html:
    units = "lots" if ranking.are_lots else "blocks of consecutive parts, as lots are not known"
    about = tag(
        "p",
        f"{ranking.parts} parts in {ranking.units} {units} · ranked at ",
        moment(ranking.at),
        " UTC",
        class_="muted",
    )
    deserving = [ranked for ranked in ranking.steps if ranked.deserves_gate]
    without = [ranked.step for ranked in deserving if not ranked.gate]
    said = f"{len(deserving)} of {len(ranking.steps)} steps deserve a gate"
    said += f"; without one: {', '.join(without)}." if without else "; each has one." if deserving else "."
    gains = [(ranked, ranked.figures) for ranked in ranking.steps if ranked.figures is not None]
    keys = legend([("b-continue", "deserves a gate"), ("b-hold", "does not, or not surely"), ("zero", "90 % interval")])
    caption = "Gain: the share of the remaining loss that is taken away, by step in line order"
    return tag(
        "section", tag("h2", ranking.characteristic), about, tag("p", said), keys,
        plot(caption, _chart(ranking.characteristic, gains), wide=False), _table(ranking.steps),
    )  # fmt: skip


def _chart(name: str, gains: Sequence[tuple[RankedStep, StepFigures]]) -> Html:
    low = min([0.0, *(gain.low for _, gain in gains)])
    high = max([0.01, *(gain.high for _, gain in gains)])
    floor = _TOP + _ROW * len(gains)

    def x(value: float) -> float:
        return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    drawn: list[Html] = []
    for value in round_values(low, high, 5):
        drawn += [
            _line(x(value), _TOP, x(value), floor, "zero" if value == 0 else "grid"),
            label(x(value), floor + 16, f"{100 * value:.6g} %", "label", "middle"),
        ]
    for i, (ranked, gain) in enumerate(gains):
        middle = _TOP + _ROW * (i + 0.5)
        shown = ranked.step if len(ranked.step) <= _NAME else ranked.step[: _NAME - 1] + "…"
        text = f"{ranked.step}: {percent(gain.gain)}, {percent(gain.low)} to {percent(gain.high)}"
        drawn += [
            label(_LEFT - 10, middle + 4, shown, "name", "end"),
            _line(x(gain.low), middle, x(gain.high), middle, "zero"),
            *(_line(x(end), middle - 5, x(end), middle + 5, "zero") for end in (gain.low, gain.high)),
            block(x(gain.gain) - 4, middle - 7, 8, 14, "b-continue" if ranked.deserves_gate else "b-hold", text),
        ]
    about = "; ".join(f"{ranked.step} {percent(gain.gain)}" for ranked, gain in gains)
    box = f"0 0 {_WIDTH:g} {floor + _BOTTOM:g}"
    return tag(
        "svg", tag("title", f"Gain of each step for {name}"), tag("desc", about), *drawn, viewBox=box, role="img"
    )


def _line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Html:
    return tag("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_=class_)


def _table(steps: Sequence[RankedStep]) -> Html:
    heads = ("Step", "Gain", "90 % interval", "Explained", "Conclusion", "p", "q", "Values", "Parts")
    return table(heads, [_row(ranked) for ranked in steps], "The plant has no steps.")


def _row(ranked: RankedStep) -> tuple[str, ...]:
    verdict = chip("ok" if ranked.deserves_gate else "none", conclusion(ranked))
    gain = ranked.figures
    if gain is None:
        return ranked.step, "-", "-", "-", conclusion(ranked), "-", "-", "-", str(ranked.parts)
    bounds = f"{percent(gain.low)} to {percent(gain.high)}"
    evidence = (number(gain.p), number(gain.q), str(gain.features), str(ranked.parts))
    return ranked.step, percent(gain.gain), bounds, percent(gain.explained), verdict, *evidence
