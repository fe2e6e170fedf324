"""The methods by the names that Evidently gives them: for which columns, over which cells, with which value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from detectors.comparing import cells, statistics, values
from detectors.comparing.cells import Cells
from detectors.comparing.names import Name
from detectors.comparing.statistics import Statistic
from detectors.comparing.values import Value
from detectors.shared.wasserstein import wasserstein
from monitor.detection import CHANGED_RATE, MISSING_RATE
from monitor.model import Floats


@dataclass(frozen=True, slots=True)
class Method:
    """A way to compare two samples.

    `numbers`, `categories`: the cells of such a column, None where the method is not for it. `statistic`: the distance
    over these cells that chance is judged by. `value`: what Evidently reports; None: the statistic itself.
    `distance`: the value is a distance, else a p-value. `least`: a distance below it is not called drift (Evidently's
    threshold). `varies`: it needs a reference that is not constant.
    """

    name: str
    numbers: Callable[[Floats, Floats], Cells] | None
    categories: Callable[[Floats, Floats], Cells] | None
    statistic: Statistic
    value: Value | None = None
    distance: bool = True
    least: float = 0.0
    varies: bool = False

    def cells(self, of_numbers: bool) -> Callable[[Floats, Floats], Cells]:
        """The cells of a column; ValueError where the method is not for it."""
        make = self.numbers if of_numbers else self.categories
        if make is None:
            raise ValueError(f"{self.name} is not for columns of {'numbers' if of_numbers else 'categories'}")
        return make

    def is_small(self, value: float | None) -> bool:
        """Whether a value, a distance, is too small to be called drift."""
        return self.distance and value is not None and value < self.least


_FINE, _OWN = cells.fine, cells.distinct
_ALL = (
    Method(Name.WASSERSTEIN, _FINE, None, statistics.wasserstein, wasserstein, least=0.1, varies=True),
    Method(Name.ENERGY, _FINE, None, statistics.energy, values.energy),
    Method(Name.KOLMOGOROV, _FINE, None, statistics.kolmogorov, values.kolmogorov, distance=False),
    Method(Name.T_TEST, _FINE, None, statistics.means, values.t_test, distance=False),
    Method(Name.ANDERSON, _FINE, None, statistics.anderson_darling, values.anderson, distance=False),
    Method(Name.CRAMER_VON_MISES, _FINE, None, statistics.cramer_von_mises, values.cramer_von_mises, distance=False),
    Method(Name.MANN_WHITNEY, _FINE, None, statistics.ranks, values.mann_whitney, distance=False),
    Method(Name.PSI, cells.sturges, _OWN, statistics.stability_index, least=0.1),
    Method(Name.JENSEN_SHANNON, cells.sturges, _OWN, statistics.jensen_shannon, least=0.1),
    Method(Name.KULLBACK_LEIBLER, cells.sturges, _OWN, statistics.kullback_leibler, least=0.1),
    Method(Name.HELLINGER, cells.sturges_of_distinct, _OWN, statistics.hellinger, least=0.1),
    Method(Name.TOTAL_VARIATION, None, _OWN, statistics.total_variation, least=0.1),
    Method(Name.CHI_SQUARE, None, _OWN, statistics.chi_square, values.chi_square, distance=False),
    Method(Name.PROPORTIONS, None, _OWN, statistics.total_variation, values.proportions, distance=False),
)
METHODS: dict[str, Method] = {str(method.name): method for method in _ALL}
OF_NUMBERS, OF_CATEGORIES = METHODS[Name.WASSERSTEIN], METHODS[Name.JENSEN_SHANNON]
"""The methods by default."""
CHANGED = Method(CHANGED_RATE, cells.two, None, statistics.total_variation)
"""Instead of a distance in standard deviations where the reference is constant."""
MISSING = Method(MISSING_RATE, None, _OWN, statistics.total_variation)
"""Of rows without a value; both shares are told, and the value is their difference."""
