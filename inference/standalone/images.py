"""Training on pictures and scores of them: a folder with a subfolder a class, or a table that names the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from inference.models.image import INPUTS, ImageModel
from inference.models.kind import TrainingData, TrainingSettings
from inference.overlay import overlay_png
from inference.pictures import list_flat, read_by_class, read_picture
from inference.standalone.lines import Line, line_of
from inference.standalone.order import in_time
from inference.standalone.tables import Roles, check_columns, read_table
from inference.standalone.task import Outcome, Task, classes_of, notes_on
from inference.training import train
from monitor.errors import UsageError
from monitor.ports import GateModel

Draw = Callable[[Path, bytes], object]
PATH = "path"
"""The column of a table that names the files, from the table's folder."""


def train_images(path: Path, task: Task) -> Outcome:
    """Train on the pictures of a folder or of a table; UsageError where they do not fit the task."""
    if path.is_file():
        data, names = _of_table(path, task.roles)
    else:
        data, classes = read_by_class(path)
        names = [classes[int(index)] for index in data.target.tolist()]
    target = classes_of(names, task.roles.target or str(path), task.good)
    settings = TrainingSettings(INPUTS, 0, task.coverage, 1, task.seed, classes=target.classes, good=target.good)
    model = train(replace(data, target=target.values), settings, task.kind)
    return Outcome(replace(model, target=task.roles.target), notes_on(target, task))


def _of_table(path: Path, roles: Roles) -> tuple[TrainingData, list[str]]:
    frame = read_table(path)
    check_columns(frame, [("the kind image", PATH), *roles.named()], path)
    if not roles.target:
        raise UsageError("--target is needed with a table: the column that names the class of each picture")
    frame = frame[frame[roles.target].notna() & frame[PATH].notna()].reset_index(drop=True)
    frame = frame.iloc[in_time(frame, roles.time)]
    files: list[str] = frame[PATH].tolist()
    groups = frame[roles.groups].fillna("").tolist() if roles.groups else ()
    pictures = [read_picture(path.parent / file) for file in files]
    return TrainingData(pictures, np.zeros(len(files)), files, groups), frame[roles.target].tolist()


def score_images(model: GateModel, path: Path, draw: Draw | None = None) -> Iterator[Line]:
    """A line for the picture at a path or for each in a folder, one read at a time.

    `draw` is given the path of each picture below the folder and a PNG with its anomaly map. Of a picture that cannot
    be read, why; the others are scored all the same, and a UsageError ends the lines.
    """
    assert isinstance(model, ImageModel)  # noqa: S101 - narrows the type
    bad = 0
    for file in list_flat(path):
        try:
            picture = read_picture(file.path)
        except UsageError as exc:
            bad += 1
            yield {"path": str(file.path), "class": None, "error": str(exc)}
            continue
        predictions = model.predict([picture])
        (score,) = model.anomaly_scores(predictions).tolist()
        if draw is not None:
            name = Path(file.path.name) if path.is_file() else file.path.relative_to(path)
            draw(name, overlay_png(picture, model.anomaly_map(picture)))
        yield {"path": str(file.path), **line_of(model, predictions[0]), "anomaly_score": score}
    if bad:
        raise UsageError(f"{bad} of the pictures in {path} could not be read; see their lines")
