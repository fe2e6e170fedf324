"""Scores of the rows of a table or of images by a packaged model: one mapping an item, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from inference import packaging
from inference.models.forecast import ForecastModel
from inference.predicting import predict_rows
from inference.standalone.order import in_time
from inference.standalone.tables import numbers, read_table, rows_of
from monitor.errors import UsageError
from monitor.model import Prediction
from monitor.ports import GateModel

Line = Mapping[str, object]


def score(folder: Path, path: Path, time: str = "") -> Iterator[Line]:
    """A line an item of a table or of images, in order, by the model of a package."""
    if not (folder / packaging.MANIFEST).exists():
        raise UsageError(f"model {folder.name!r}: there is none in {folder.parent}; 'gatewatch model train' makes one")
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    if packaging.verify(folder).architecture == "image":
        return _images(folder, path)
    return score_table(folder, path, time)


def _images(folder: Path, path: Path) -> Iterator[Line]:
    from inference.models.image import ImageModel
    from inference.standalone.images import score_images

    model = packaging.load(folder)
    assert isinstance(model, ImageModel)  # noqa: S101 - narrows the type
    bad = 0
    for found in score_images(model, path):
        if len(found) == 2:
            bad += 1
            yield {"path": str(found[0]), "class": None, "error": found[1]}
        else:
            yield {"path": str(found[0]), **line_of(model, found[1]), "anomaly_score": found[2]}
    if bad:
        raise UsageError(f"{bad} of the pictures in {path} could not be read; see their lines")


def score_table(folder: Path, path: Path, time: str = "") -> Iterator[Line]:
    """A line a row of the table, in its order, by the model of a package."""
    manifest, model = packaging.verify(folder), packaging.load(folder)
    frame = read_table(path)
    lacking = [name for name in manifest.inputs if name not in frame.columns]
    if lacking:
        raise UsageError(f"{path} lacks the columns {', '.join(map(repr, lacking[:10]))}, which the model needs")
    if isinstance(model, ForecastModel):
        yield from _followed(model, frame, manifest.target, time)
        return
    rows = rows_of(frame, manifest.inputs, manifest.categories)
    for i, prediction in enumerate(predict_rows(model, rows)):
        yield {"row": i, **line_of(model, prediction)}


def _followed(model: ForecastModel, frame: object, target: str, time: str) -> Iterator[Line]:
    import pandas as pd

    assert isinstance(frame, pd.DataFrame)  # noqa: S101 - narrows the type
    if target not in frame.columns:
        one = line_of(model, next(iter(model.predict(np.empty((1, 0)))), None))
        yield from ({"row": i, **one} for i in range(len(frame)))
        return
    order = in_time(frame, time)
    outcomes = numbers(frame[target])[order]
    known = np.isfinite(outcomes)
    course = model.follow(outcomes[known])
    before = np.concatenate([[0], np.cumsum(known)[:-1]])
    lines: list[Line] = [{}] * len(frame)
    for place, count in zip(order.tolist(), before.tolist(), strict=True):
        value, half = float(course.value[count]), float(course.half_width[count])
        lines[place] = {
            "row": place,
            "value": value,
            "lower": value - half,
            "upper": value + half,
            "anomaly_score": 0.0,
        }
    yield from lines


def line_of(model: GateModel, prediction: Prediction | None) -> dict[str, object]:
    """What is printed of a prediction; of none, why."""
    if prediction is None:
        return {"value": None, "error": "too many inputs are missing"}
    score = prediction.distance / prediction.distance_limit
    classes: Sequence[str] = getattr(model, "classes", ())
    if not classes:
        return {
            "value": prediction.value, "lower": prediction.lower, "upper": prediction.upper, "anomaly_score": score,
        }  # fmt: skip
    likeliest = classes[int(np.argmax(prediction.probabilities))]
    return {
        "class": likeliest,
        "probabilities": dict(zip(classes, prediction.probabilities, strict=True)),
        "value": prediction.value,
        "anomaly_score": score,
    }
