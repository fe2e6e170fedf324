"""Whether a model may be asked about a part, and asking it about those parts only.

The one rule for gates, windows, training and comparison.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats, Prediction
from monitor.ports import GateModel


def askable(model: GateModel, rows: Floats) -> NDArray[np.bool_]:
    """Which rows, shape (rows, inputs) in the order of `model.inputs`, the model may be asked about.

    Of the inputs that it needs, at most the share `model.max_missing` may be missing; what is not finite is missing.
    """
    needed = [model.inputs.index(name) for name in model.needed]
    missing = (~np.isfinite(rows[:, needed])).sum(axis=1)
    return np.asarray(missing <= model.max_missing * len(needed))


def in_order(model: GateModel, names: Sequence[str], rows: Floats) -> Floats:
    """Rows with the columns `names` brought into the order of `model.inputs`; what they lack is NaN."""
    place = {name: i for i, name in enumerate(names)}
    ordered = np.full((len(rows), len(model.inputs)), np.nan)
    for i, name in enumerate(model.inputs):
        if name in place:
            ordered[:, i] = rows[:, place[name]]
    return ordered


def ask(model: GateModel, rows: Floats) -> list[Prediction | None]:
    """A prediction for each row in the order of `model.inputs`; None where the model may not be asked."""
    asked = askable(model, rows)
    answers = iter(model.predict(rows[asked]) if asked.any() else ())
    return [next(answers) if one else None for one in asked.tolist()]
