"""Scores of the rows of a table or of images by a packaged model: one mapping an item, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference import packaging
from inference.models.forecast import ForecastModel
from inference.predicting import predict_rows
from inference.standalone.lines import Line, line_of
from inference.standalone.order import in_time
from inference.standalone.tables import numbers, read_table, rows_of
from monitor.errors import UsageError
from monitor.model import Prediction

if TYPE_CHECKING:
    import pandas as pd

    from inference.standalone.images import Draw


def score(folder: Path, path: Path, time: str = "", draw: Draw | None = None) -> Iterator[Line]:
    """A line an item of a table or of images, in order, by the model of a package; `time` orders a forecast.

    `draw` is given the path of each image below the folder and a PNG with its anomaly map.
    """
    if not (folder / packaging.MANIFEST).exists():
        raise UsageError(f"model {folder.name!r}: there is none in {folder.parent}; 'gatewatch model train' makes one")
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    manifest, model = packaging.load_described(folder)
    if manifest.architecture == "image":
        from inference.standalone.images import score_images

        return score_images(model, path, draw)
    if draw is not None:
        raise UsageError(f"model {folder.name!r} is of kind {manifest.architecture}: --map is for models of images")
    frame = read_table(path)
    lacking = [name for name in manifest.inputs if name not in frame.columns]
    if lacking:
        raise UsageError(f"{path} lacks the columns {', '.join(map(repr, lacking[:10]))}, which the model needs")
    if isinstance(model, ForecastModel):
        predictions: Sequence[Prediction | None] = _followed(model, frame, manifest.target, time)
    else:
        predictions = predict_rows(model, rows_of(frame, manifest.inputs, manifest.categories))
    return ({"row": i, **line_of(model, prediction)} for i, prediction in enumerate(predictions))


def _followed(model: ForecastModel, frame: pd.DataFrame, target: str, time: str) -> list[Prediction]:
    """The forecast of each row from the outcomes of those before it, where the table has any."""
    if target not in frame.columns:
        return [*model.predict(np.empty((len(frame), 0)))]
    order = in_time(frame, time)
    outcomes = numbers(frame[target])[order]
    known = np.isfinite(outcomes)
    course = model.follow(outcomes[known])
    before = np.concatenate([[0], np.cumsum(known)[:-1]])
    return [course[count] for count in before[np.argsort(order)].tolist()]
