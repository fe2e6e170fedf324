"""A ranking of steps for the terminal and as JSON values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from exporters.html.formatting import aligned, escape_controls, number
from exporters.report.ranking.page import conclusion, percent
from exporters.report.ranking.values import LossKind, RankedStep, StepRanking

_HEADS = ("step", "parts", "values", "gain", "90 % interval", "explained", "p", "q", "")
_RIGHT = (1, 2, 3, 5, 6, 7)  # the columns of numbers


def as_text(ranking: StepRanking) -> str:
    """A table with a line a step, in line order."""
    rows = [_HEADS, *map(_cells, ranking.steps)]
    return "\n".join([*_heading(ranking), *aligned(rows, _RIGHT)])


def _heading(ranking: StepRanking) -> Iterator[str]:
    units = "lots" if ranking.are_lots else "blocks of consecutive parts (lots are not known)"
    yield f"{escape_controls(ranking.characteristic)}: {ranking.parts} parts in {ranking.units} {units}"
    known = "without looking at a part, the newest outcomes foretell"
    if ranking.loss_kind is LossKind.SQUARED_ERROR:
        unit = escape_controls(f" {ranking.unit}") if ranking.unit else ""
        yield f"{known} it with an error of {number(ranking.loss**0.5)}{unit} (root mean square)"
    else:
        yield f"{known} its class with a log loss of {number(ranking.loss)}"
    yield "gain: share of the loss that the steps before left; explained: the same as a share of all the loss"
    yield "p: how often a step that tells nothing looks as telling; q: share of chance among the steps up to it"


def _cells(ranked: RankedStep) -> tuple[str, ...]:
    name, said, gain = escape_controls(ranked.step), escape_controls(conclusion(ranked)), ranked.figures
    if gain is None:
        return name, str(ranked.parts), "-", "-", "-", "-", "-", "-", said
    bounds = f"{percent(gain.low)} to {percent(gain.high)}"
    figures = (percent(gain.gain), bounds, percent(gain.explained), f"{gain.p:.4f}", f"{gain.q:.4f}")
    return name, str(ranked.parts), str(gain.features), *figures, said


def as_values(ranking: StepRanking) -> dict[str, Any]:
    """The fields that docs/how-to/steps.md describes."""
    return {
        "characteristic": ranking.characteristic, "at": ranking.at, "parts": ranking.parts, "units": ranking.units,
        "units_are_lots": ranking.are_lots, "loss_kind": ranking.loss_kind.value, "loss": ranking.loss,
        "steps": [_step_values(ranked) for ranked in ranking.steps],
    }  # fmt: skip


def _step_values(ranked: RankedStep) -> dict[str, Any]:
    gain = ranked.figures
    figures = ("features", "gain", "low", "high", "explained", "p", "q", "loss", "matters")
    return {
        "step": ranked.step, "parts": ranked.parts, "gate": ranked.gate or None,
        "deserves_gate": ranked.deserves_gate, "unranked": ranked.unranked or None,
        **{name: None if gain is None else getattr(gain, name) for name in figures},
    }  # fmt: skip
