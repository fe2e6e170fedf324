"""The kind `image`: the class of a part and how unlike the good ones it looks, from a picture of it.

A frozen backbone turns a picture into numbers (`inference.vision`); a discriminant on these knows the classes, banks of
patches know what good parts look like. Calibration and quality are those of parts that the fit has not seen, fold by
fold; the model that is kept is then fitted to all parts (`inference.models.image_fit`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from inference.models.image_fit import fit
from inference.models.kind import (
    Contents,
    Entry,
    Items,
    Tensors,
    TrainingData,
    TrainingMetrics,
    TrainingSettings,
)
from inference.vision.bank import MOST_PATCHES, Bank
from inference.vision.calibrating import Scaling
from inference.vision.describing import CHANNELS, FEATURES, Description, describe, describe_all
from inference.vision.discriminant import MOST_DIRECTIONS, Directions
from inference.vision.embedding import Embedding
from inference.vision.judge import Discriminant, Distances, Judge
from inference.vision.weights import DIGEST, backbone
from monitor.errors import ModelError, ModelReason
from monitor.model import Floats, Prediction
from monitor.pictures import Picture
from monitor.ports import PICTURE_INPUTS

INPUTS = PICTURE_INPUTS
_AXES = ("centre", "scale", "axes", "variances", "means")
_EMBEDDING = "embedding."


class Entries(Entry):
    """The manifest entries of an image model; the names are those of `inference.vision.judge`.

    `coordinates` are those of its embedding: 0 in a package made before there were embeddings, which says none.
    """

    backbone: str
    classes: tuple[str, ...] = Field(min_length=1, max_length=1000)
    good: str
    known: tuple[int, ...] = Field(min_length=1)
    coverage: float = Field(gt=0, lt=1)
    skill: float
    shrinkage: float = Field(gt=0, lt=1)
    spread: float = Field(gt=0)
    gain: float = Field(ge=0)
    typical: tuple[float, float]
    limit: float = Field(gt=0)
    usual: float
    spreads: tuple[float, float]
    limits: tuple[float, ...] = ()
    floors: tuple[float, ...] = ()
    coordinates: int = Field(0, ge=0, le=64)


class ImageModel:
    """A judge of pictures: the `GateModel` of a part's picture.

    The distance of a prediction is that of the most unusual patches, relative to those of a typical good part. Its
    limit is that of good parts; of a part that is like those of a known defect, the limit of these.
    """

    inputs = INPUTS
    needed = INPUTS
    max_missing = 0.0

    def __init__(self, entries: Entries, judge: Judge, digest: str) -> None:
        self.classes, self.good = entries.classes, entries.good
        self.skill, self.coverage, self.digest = entries.skill, entries.coverage, digest
        self.judge = judge
        backbone()  # no weights: said at loading, not at the first part

    def predict(self, rows: Items) -> Sequence[Prediction]:
        """A prediction a picture, bit for bit the same whatever the others. ValueError for what is no picture."""
        if isinstance(rows, np.ndarray):
            raise ValueError(f"expected a sequence of pictures, not an array of shape {rows.shape}")
        return [self._predict(description) for description in describe(rows)]

    def _predict(self, description: Description) -> Prediction:
        probabilities, limit = self.judge.probabilities_and_limit(description)
        value, distance = float(self.judge.values(probabilities)), self.judge.distance(description.patches)
        where = self.judge.coordinates(description)
        return Prediction(value, value, value, distance, limit, tuple(probabilities.tolist()), where)

    def anomaly_scores(self, predictions: Sequence[Prediction]) -> Floats:
        """One number a part (parts,) that ranks good parts before bad ones, be the defect known or new.

        The log odds that it is not good and the logarithm of its distance, each relative to the median and in units of
        the spread of good parts, added up. Without a good class, or with one class only, it is the distance alone.
        """
        values, distances = (np.array([getattr(one, name) for one in predictions]) for name in ("value", "distance"))
        return self.judge.scores(values, distances)

    def anomaly_map(self, picture: Picture) -> NDArray[np.uint8]:
        """Where a picture is unlike the good ones (height, width): 128 is at the limit, 255 at twice of it and more."""
        height, width = picture.shape[:2]
        levels = self.judge.levels(next(describe([picture])).patches)
        logs = np.zeros((height, width))
        for level in levels:
            image = Image.fromarray(level.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
            logs += np.asarray(image, dtype=np.float64) / len(levels)
        relative = np.exp(logs) / self.judge.distances.limit
        return np.asarray((128 * relative).clip(0, 255).astype(np.uint8))


class ImageKind:
    """The image model as a kind of gate model."""

    def warm_up(self) -> None:
        """Read the backbone."""
        backbone()

    def train(self, data: TrainingData, settings: TrainingSettings) -> tuple[Contents, TrainingMetrics]:
        """Describe the pictures, calibrate and measure on folds, and fit to all parts."""
        if isinstance(data.rows, np.ndarray):
            raise ModelError("the kind 'image' judges pictures, not columns: use another kind", ModelReason.MISMATCH)
        judge, metrics, held_out = fit(describe_all(data.rows), data, settings)
        return replace(contents_of(judge, metrics, settings), held_out=held_out), metrics

    def load(self, inputs: tuple[str, ...], contents: Contents, digest: str) -> ImageModel:
        """The model of a package, after checking that its entries and tensors fit together."""
        entries = Entries.model_validate(contents.entries)
        if inputs != INPUTS:
            raise ValueError(f"names {len(inputs)} inputs for a model of pictures, expected {INPUTS[0]!r} alone")
        if entries.backbone != DIGEST:
            raise ValueError(f"was made with backbone {entries.backbone[:12]}, expected {DIGEST[:12]}")
        _check(entries, contents.tensors)
        return ImageModel(entries, _judge(entries, contents.tensors), digest)


KIND = ImageKind()


def contents_of(judge: Judge, metrics: TrainingMetrics, settings: TrainingSettings) -> Contents:
    """What a package holds of a judge."""
    found = judge.discriminant
    entries: dict[str, object] = {
        "backbone": DIGEST, "classes": settings.classes, "good": settings.good, "known": judge.known,
        "coverage": settings.coverage, "skill": metrics.skill,
        "shrinkage": found.shrinkage if found else 0.5,
        "spread": found.directions.spread if found else 1.0,
        "gain": found.scaling.gain if found else 0.0,
        "typical": judge.distances.typical, "limit": judge.distances.limit, "usual": judge.usual,
        "spreads": judge.spreads, "limits": judge.limits, "floors": judge.floors,
        "coordinates": len(judge.embedding.spreads) if judge.embedding else 0,
    }  # fmt: skip
    tensors = {f"bank{i}.{part.name}": getattr(bank, part.name) for i, bank in enumerate(judge.banks)
               for part in fields(bank)}  # fmt: skip
    if found:
        tensors |= {name: getattr(found.directions, name) for name in _AXES} | {"offsets": found.scaling.offsets}
    if judge.embedding:
        tensors |= {_EMBEDDING + part.name: getattr(judge.embedding, part.name) for part in fields(Embedding)}
    return Contents(entries, tensors)


def _judge(entries: Entries, tensors: Tensors) -> Judge:
    discriminant = None
    if len(entries.known) > 1:
        directions = Directions(**{name: tensors[name] for name in _AXES}, spread=entries.spread)
        discriminant = Discriminant(directions, entries.shrinkage, Scaling(entries.gain, tensors["offsets"]))
    embedding = None
    if entries.coordinates:
        embedding = Embedding(**{part.name: tensors[_EMBEDDING + part.name] for part in fields(Embedding)})
    return Judge(
        classes=len(entries.classes),
        known=entries.known,
        good=entries.classes.index(entries.good) if entries.good else -1,
        discriminant=discriminant,
        banks=tuple(
            Bank(**{part.name: tensors[f"bank{i}.{part.name}"] for part in fields(Bank)}) for i in range(len(CHANNELS))
        ),
        distances=Distances(entries.typical, entries.limit),
        usual=entries.usual,
        spreads=entries.spreads,
        limits=entries.limits,
        floors=entries.floors,
        embedding=embedding,
    )


def _check(entries: Entries, tensors: Tensors) -> None:
    """ValueError where the numbers do not fit together."""
    known = entries.known
    if entries.good and entries.good not in entries.classes:
        raise ValueError("has a good class that is none of its classes")
    if list(known) != sorted(set(known)) or known[0] < 0 or known[-1] >= len(entries.classes):
        raise ValueError("knows classes that it does not name")
    if min(*entries.typical, *entries.spreads, *entries.limits) <= 0:
        raise ValueError("has a distance or spread that is not above 0")
    if len(entries.limits) not in (0, len(known)) or len(entries.floors) != len(entries.limits):
        raise ValueError("has limits of other classes than it knows")
    actual = {name: (tensor.shape, tensor.dtype.name) for name, tensor in tensors.items()}
    if actual != _expected(entries, tensors):
        raise ValueError("has weights that do not fit its classes and backbone")
    if any((tensors[name] <= 0).any() for name in actual if name.endswith(("scale", ".spreads"))):
        raise ValueError("has a scale that is not above 0")
    if "variances" in tensors and (tensors["variances"] < 0).any():
        raise ValueError("has a variance below 0")


def _expected(entries: Entries, tensors: Tensors) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shapes and types; only the directions and the sizes of the banks are the package's own."""
    found: dict[str, tuple[tuple[int, ...], str]] = {}
    for i, channels in enumerate(CHANNELS):
        rows = _length(tensors, f"bank{i}.patches", MOST_PATCHES)
        shapes = {"centre": (channels,), "scale": (channels,), "patches": (rows, channels)}
        found |= {f"bank{i}.{name}": (shape, "float32") for name, shape in shapes.items()}
    if len(entries.known) > 1:
        axes, known = _length(tensors, "variances", MOST_DIRECTIONS), len(entries.known)
        own = {"centre": (FEATURES,), "scale": (FEATURES,), "axes": (FEATURES, axes), "variances": (axes,),
               "means": (known, axes), "offsets": (known,)}  # fmt: skip
        found |= {name: (shape, "float64") for name, shape in own.items()}
    if entries.coordinates:
        count = entries.coordinates
        axes = max(_length(tensors, _EMBEDDING + "axes", MOST_DIRECTIONS), count)
        where = {"centre": (FEATURES,), "scale": (FEATURES,), "axes": (axes, FEATURES), "spreads": (count,)}
        found |= {_EMBEDDING + name: (shape, "float64") for name, shape in where.items()}
    return found


def _length(tensors: Tensors, name: str, most: int) -> int:
    shape = tensors[name].shape if name in tensors else ()
    return min(shape[0], most) if shape and shape[0] else 1
