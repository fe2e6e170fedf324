"""The baseline of a machine as a whole, borrowed by recipes that have none of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.shared.state import pack, require, unpack, whole_number
from detectors.stream.baseline import Baseline, Settings, fit, load_baseline
from monitor.model import Floats


@dataclass(slots=True)
class SharedBaseline:
    """Learnt from rows of several recipes, none of which has a baseline of its own yet.

    A recipe may give a window of rows, a quarter of a warm-up: so the baseline knows how far recipes of this machine
    lie apart, and its limit, from windows that it did not learn, allows for one that it has not seen. A machine with
    one recipe never has one. `learnt`: the baseline, or the rows so far, shape (rows, sensors); `taken`: the number of
    rows by recipe, empty once it is fitted, so that the names of recipes do not pile up.
    """

    learnt: Baseline | Floats
    taken: dict[str, int] = field(default_factory=dict)

    @property
    def baseline(self) -> Baseline | None:
        """The baseline; None during its warm-up."""
        return self.learnt if isinstance(self.learnt, Baseline) else None

    def room(self, settings: Settings) -> int:
        """The number of rows after which it changes at the earliest."""
        return self.learnt.room if isinstance(self.learnt, Baseline) else settings.fitting_rows - len(self.learnt)

    def collect(self, recipe: str, usable: Floats, least_scale: Floats, settings: Settings) -> None:
        """Take rows of a recipe into the warm-up, at most `room` of them; fits the baseline with the last."""
        if isinstance(self.learnt, Baseline):
            return
        rows = usable[: max(settings.window - self.taken.get(recipe, 0), 0)]
        if not len(rows):
            return
        self.taken[recipe] = self.taken.get(recipe, 0) + len(rows)
        self.learnt = np.concatenate([self.learnt, rows])
        if len(self.learnt) == settings.fitting_rows:
            self.learnt, self.taken = fit(self.learnt, least_scale, settings), {}

    def save(self) -> dict[str, Any]:
        """The shared baseline as JSON values."""
        return {"learnt": save_learnt(self.learnt), "taken": dict(self.taken)}


def new_shared(width: int) -> SharedBaseline:
    """A shared baseline before its first row."""
    return SharedBaseline(np.empty((0, width)))


def load_shared(saved: object, settings: Settings, width: int) -> SharedBaseline:
    """The shared baseline that was saved; ValueError when it is incomplete or damaged."""
    fields = require(saved, "a shared baseline", ("learnt", "taken"))
    taken = {str(recipe): whole_number(rows, "a number of rows") for recipe, rows in fields["taken"].items()}
    return SharedBaseline(load_learnt(fields["learnt"], settings, width), taken)


def save_learnt(learnt: Baseline | Floats) -> dict[str, Any]:
    """A baseline, or the rows of its warm-up so far, as JSON values."""
    if isinstance(learnt, Baseline):
        return learnt.save()
    return {"rows": len(learnt), "values": pack(learnt)}


def load_learnt(saved: Any, settings: Settings, width: int) -> Baseline | Floats:
    """What `save_learnt` was given; ValueError when it is incomplete or damaged."""
    if set(saved) == {"rows", "values"}:
        return unpack(saved["values"], (whole_number(saved["rows"], "rows"), width))
    return load_baseline(saved, settings, width)


def usable_rows(values: Floats) -> NDArray[np.bool_]:
    """The rows that a warm-up takes, shape (rows,): at least half of all sensors have a value."""
    return np.asarray(2 * (~np.isnan(values)).sum(axis=1) >= values.shape[1])
