"""What it would have saved to stop the parts that failed at each step of their line: the value of an earlier gate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failed:
    """A part that failed in the end, and what it cost: in full where it went on, its value where it was stopped.

    `at` is the step at which it was stopped, '' for one that went on to the end. `weight` is the probability that it
    failed: below 1 of a scrapped part that nobody looked at.
    """

    cost: float
    at: str = ""
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Stop:
    """A step at which parts could be stopped, the value that a part has once it has passed, and what it would save.

    `parts` is the number of failed parts (expected, if some are uncertain) that came so far.
    """

    step: str
    value: float
    parts: float
    saved: float


def value_curve(failed: Iterable[Failed], steps: Sequence[str], values: Mapping[str, float]) -> tuple[Stop, ...]:
    """What stopping every failed part right after each step would have saved, in the order of `steps`.

    A part that was stopped at a step saves its cost less the value of the earlier step, and nothing at later ones. A
    step without a value has that of the last step before it that has one, or 0: nothing was put into the part.
    """
    at = {step: place for place, step in enumerate(steps)}
    parts, costs = [0.0] * len(steps), [0.0] * len(steps)
    for one in failed:
        reached = at.get(one.at, len(steps) - 1)
        parts[reached] += one.weight
        costs[reached] += one.weight * one.cost
    found, value = [], 0.0
    for place, step in enumerate(steps):
        value = values.get(step, value)
        came, cost = sum(parts[place:]), sum(costs[place:])
        found.append(Stop(step, value, came, cost - came * value))
    return tuple(found)
