"""Which rows have enough inputs for a prediction, and the predictions for those rows.

Gates, windows, training and comparison all use this rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from inference.models.kind import Items
from monitor.model import Floats, Prediction
from monitor.ports import PICTURE_INPUTS, GateModel


def judges_pictures(model: GateModel) -> bool:
    """Whether the model judges a picture of each part; otherwise a row of numbers."""
    return tuple(model.inputs) == PICTURE_INPUTS


def predict(model: GateModel, items: Items) -> Sequence[Prediction]:
    """A prediction for each row that has enough inputs, or for each picture."""
    return model.predict(cast("Floats", items))  # what a model takes follows from its inputs


def enough_inputs(model: GateModel, rows: Items) -> NDArray[np.bool_]:
    """Which rows (rows, inputs), columns in the order of `model.inputs`, the model can predict; pictures all or none.

    At most the share `model.max_missing` of the needed inputs may be missing; a value that is not finite is missing. A
    model of numbers predicts no picture, and one of pictures no row.
    """
    if not isinstance(rows, np.ndarray) or judges_pictures(model):
        fits = judges_pictures(model) and not isinstance(rows, np.ndarray)
        return np.full(len(rows), fits, dtype=np.bool_)
    needed = [model.inputs.index(name) for name in model.needed]
    missing = (~np.isfinite(rows[:, needed])).sum(axis=1)
    return np.asarray(missing <= model.max_missing * len(needed))


def order_columns(model: GateModel, names: Sequence[str], rows: Items) -> Items:
    """Rows with columns `names`, rearranged to the order of `model.inputs`; absent columns are NaN. Pictures stay."""
    if not isinstance(rows, np.ndarray):
        return rows
    column = {name: i for i, name in enumerate(names)}
    ordered = np.full((len(rows), len(model.inputs)), np.nan)
    for i, name in enumerate(model.inputs):
        if name in column:
            ordered[:, i] = rows[:, column[name]]
    return ordered


def predict_rows(model: GateModel, rows: Items) -> list[Prediction | None]:
    """A prediction for each row in the order of `model.inputs`, or for each picture; None without enough inputs."""
    usable = enough_inputs(model, rows)
    items = rows[usable] if isinstance(rows, np.ndarray) else rows
    predictions = iter(predict(model, items) if usable.any() else ())
    return [next(predictions) if ok else None for ok in usable.tolist()]
