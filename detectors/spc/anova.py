"""The analysis of variance of a crossed study: parts that several operators measure repeatedly.

Random effects (Montgomery and Runger 1993; NIST/SEMATECH e-Handbook 3.2.3.2 has the sums of squares).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import f as f_distribution

from monitor.errors import UsageError
from monitor.model import Floats

Number = float | Floats
"""One study, or (draws,) of many."""
_NOISE = 1e-24
"""Share of the total below which a sum of squares is rounding."""


@dataclass(frozen=True, slots=True)
class Source:
    """A line of the table: sum of squares, degrees of freedom, and F with its chance where it is tested."""

    squares: float
    degrees: int
    ratio: float = float("nan")
    chance: float = float("nan")

    @property
    def mean_square(self) -> float:
        """The sum over its degrees of freedom."""
        return self.squares / self.degrees


@dataclass(frozen=True, slots=True)
class Table:
    """The analysis of variance of `parts` parts, `operators` operators and `trials` trials of each of them."""

    parts: int
    operators: int
    trials: int
    part: Source
    operator: Source
    interaction: Source
    repeatability: Source

    @property
    def pooled(self) -> Source:
        """Repeatability and interaction together."""
        return Source(
            self.repeatability.squares + self.interaction.squares,
            self.repeatability.degrees + self.interaction.degrees,
        )


@dataclass(frozen=True, slots=True)
class Components:
    """Variances, of none less than 0; the others are sums of the first four."""

    repeatability: Number
    operator: Number
    interaction: Number
    part: Number

    @property
    def reproducibility(self) -> Number:
        """Of operators, and of them with parts."""
        return self.operator + self.interaction

    @property
    def gauge(self) -> Number:
        """Repeatability and reproducibility."""
        return self.repeatability + self.reproducibility

    @property
    def total(self) -> Number:
        """Of gauge and parts."""
        return self.gauge + self.part


def crossed(parts: Sequence[str], operators: Sequence[str], values: Floats) -> Floats:
    """Measurements (n,) with the names of part and operator as (parts, operators, trials), in order of appearance.

    UsageError where there are fewer than two of any, or a pair was not measured as often as others.
    """
    known = np.isfinite(values)
    part_names, operator_names = list(dict.fromkeys(parts)), list(dict.fromkeys(operators))
    for names, what in ((part_names, "part"), (operator_names, "operator")):
        if len(names) < 2:
            raise UsageError(f"there is one {what}; expected at least two")
    pairs = list(zip(parts, operators, strict=True))
    counts = Counter(pair for pair, there in zip(pairs, known.tolist(), strict=True) if there)
    usual = Counter(counts.values()).most_common(1)[0][0] if counts else 0
    for part in part_names:
        for operator in operator_names:
            if counts[part, operator] != usual:
                raise UsageError(
                    f"operator {operator!r} has {counts[part, operator]} measurements of part {part!r} and others have "
                    f"{usual}; a crossed study needs as many of each"
                )
    if usual < 2:
        raise UsageError("each operator measured each part once; repeatability needs at least two measurements")
    ranks = {pair: i for i, pair in enumerate((p, o) for p in part_names for o in operator_names)}
    order = np.argsort([ranks[pair] for pair, there in zip(pairs, known.tolist(), strict=True) if there], kind="stable")
    return values[known][order].reshape(len(part_names), len(operator_names), usual)


def anova(values: Floats) -> Table:
    """The table of measurements (parts, operators, trials); part and operator are tested against the interaction.

    UsageError where all are equal.
    """
    parts, operators, trials = values.shape
    if not np.ptp(values) > 0:
        raise UsageError("all measurements are equal, so that there is no variation to divide; use a finer gauge")
    cells, grand = values.mean(axis=2), values.mean()
    by_part, by_operator = cells.mean(axis=1), cells.mean(axis=0)
    inner = cells - by_part[:, None] - by_operator + grand
    squares = [
        operators * trials * float(np.square(by_part - grand).sum()),
        parts * trials * float(np.square(by_operator - grand).sum()),
        trials * float(np.square(inner).sum()),
        float(np.square(values - cells[:, :, None]).sum()),
    ]
    smallest = _NOISE * sum(squares)
    squares = [square if square > smallest else 0.0 for square in squares]
    degrees = (parts - 1, operators - 1, (parts - 1) * (operators - 1), parts * operators * (trials - 1))
    return table(parts, operators, trials, [Source(*pair) for pair in zip(squares, degrees, strict=True)])


def table(parts: int, operators: int, trials: int, sources: Sequence[Source]) -> Table:
    """The table of the sums of squares of part, operator, interaction and repeatability, with its tests."""
    part, operator, interaction, repeatability = sources
    return Table(
        parts, operators, trials, _tested(part, interaction), _tested(operator, interaction),
        _tested(interaction, repeatability), repeatability,
    )  # fmt: skip


def _tested(source: Source, against: Source) -> Source:
    if against.mean_square == 0:
        return Source(source.squares, source.degrees, float("inf"), 0.0 if source.squares > 0 else 1.0)
    ratio = source.mean_square / against.mean_square
    return Source(
        source.squares, source.degrees, ratio, float(f_distribution.sf(ratio, source.degrees, against.degrees))
    )


def components(found: Table, pool: bool) -> Components:
    """The variances of the table's mean squares, the interaction pooled into repeatability or not."""
    interaction = None if pool else found.interaction.mean_square
    error = found.pooled if pool else found.repeatability
    return components_of(found, found.part.mean_square, found.operator.mean_square, interaction, error.mean_square)


def components_of(
    found: Table, part: Number, operator: Number, interaction: Number | None, repeatability: Number
) -> Components:
    """Of mean squares, numbers or arrays of draws; the interaction's is None where it is pooled."""
    residual = repeatability if interaction is None else interaction
    both = np.maximum((residual - repeatability) / found.trials, 0.0)
    by_operator = np.maximum((operator - residual) / (found.parts * found.trials), 0.0)
    by_part = np.maximum((part - residual) / (found.operators * found.trials), 0.0)
    return Components(repeatability, by_operator, both, by_part)
