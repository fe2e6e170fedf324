"""Which rows have enough inputs for a prediction, and the predictions for those rows.

Gates, windows, training and comparison all use this rule.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats, Prediction
from monitor.ports import GateModel


def enough_inputs(model: GateModel, rows: Floats) -> NDArray[np.bool_]:
    """Which rows (rows, inputs), columns in the order of `model.inputs`, the model can predict.

    At most the share `model.max_missing` of the needed inputs may be missing; a value that is not finite is missing.
    """
    needed = [model.inputs.index(name) for name in model.needed]
    missing = (~np.isfinite(rows[:, needed])).sum(axis=1)
    return np.asarray(missing <= model.max_missing * len(needed))


def order_columns(model: GateModel, names: Sequence[str], rows: Floats) -> Floats:
    """Rows with columns `names`, rearranged to the order of `model.inputs`; absent columns are NaN."""
    column = {name: i for i, name in enumerate(names)}
    ordered = np.full((len(rows), len(model.inputs)), np.nan)
    for i, name in enumerate(model.inputs):
        if name in column:
            ordered[:, i] = rows[:, column[name]]
    return ordered


def predict_rows(model: GateModel, rows: Floats) -> list[Prediction | None]:
    """A prediction for each row in the order of `model.inputs`; None where too many inputs are missing."""
    usable = enough_inputs(model, rows)
    predictions = iter(model.predict(rows[usable]) if usable.any() else ())
    return [next(predictions) if ok else None for ok in usable.tolist()]
