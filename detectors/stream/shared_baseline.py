"""The baseline of a machine as a whole, borrowed by recipes that have none of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.shared.state import require, whole_number
from detectors.stream.baseline import Baseline, Settings, fit, load_baseline
from detectors.stream.reservoir import WarmUp, load_warm_up, no_rows
from monitor.model import Floats


@dataclass(slots=True)
class SharedBaseline:
    """Learnt from rows of several recipes, none of which has a baseline of its own yet.

    A recipe may give a window of rows, a quarter of a warm-up: so the baseline knows how far recipes of this machine
    lie apart, and its limits, from parts that it did not learn, allow for one that it has not seen. A machine with
    one recipe never has one, and keeps no rows for it. `learnt`: the baseline, or the rows so far; `taken`: the number
    of rows by recipe, empty once it is fitted, so that the names of recipes do not pile up.
    """

    learnt: Baseline | WarmUp
    taken: dict[str, int] = field(default_factory=dict)

    @property
    def baseline(self) -> Baseline | None:
        """The baseline; None during its warm-up."""
        return self.learnt if isinstance(self.learnt, Baseline) else None

    def room(self, settings: Settings) -> int:
        """The number of rows after which it changes at the earliest."""
        return self.learnt.room if isinstance(self.learnt, Baseline) else settings.warmup_rows - len(self.learnt)

    def collect(self, recipe: str, usable: WarmUp, least_scale: Floats, settings: Settings) -> None:
        """Take rows of a recipe into the warm-up, at most `room` of them; fits the baseline with the last."""
        if isinstance(self.learnt, Baseline):
            return
        few = max(settings.window - self.taken.get(recipe, 0), 0)
        rows, at = usable.rows[:few], usable.at[:few]
        if not len(rows):
            return
        self.taken[recipe] = self.taken.get(recipe, 0) + len(rows)
        self.learnt = self.learnt.with_rows(rows, at)
        if len(self.learnt) == settings.warmup_rows:
            self.learnt, self.taken = fit(self.learnt, least_scale, settings), {}

    def release(self, recipe: str) -> None:
        """Let go of the rows of a recipe that now has a baseline of its own, if no other recipe gave any."""
        if isinstance(self.learnt, WarmUp) and self.taken.keys() == {recipe}:
            self.learnt, self.taken = no_rows(self.learnt.rows.shape[1]), {}

    def save(self) -> dict[str, Any]:
        """The shared baseline as JSON values."""
        return {"learnt": self.learnt.save(), "taken": dict(self.taken)}


def new_shared(width: int) -> SharedBaseline:
    """A shared baseline before its first row."""
    return SharedBaseline(no_rows(width))


def load_shared(saved: object, least_scale: Floats) -> SharedBaseline:
    """The shared baseline that was saved; ValueError when it is incomplete or damaged."""
    fields = require(saved, "a shared baseline", ("learnt", "taken"))
    taken = {str(recipe): whole_number(rows, "a number of rows") for recipe, rows in fields["taken"].items()}
    return SharedBaseline(load_learnt(fields["learnt"], least_scale), taken)


def load_learnt(saved: Any, least_scale: Floats) -> Baseline | WarmUp:
    """A baseline, or the rows of its warm-up so far; ValueError when it is incomplete or damaged."""
    return load_warm_up(saved, len(least_scale)) if "values" in saved else load_baseline(saved, least_scale)


def usable_rows(values: Floats) -> NDArray[np.bool_]:
    """The rows that a warm-up takes, shape (rows,): at least half of all sensors have a value."""
    return np.asarray(2 * (~np.isnan(values)).sum(axis=1) >= values.shape[1])
