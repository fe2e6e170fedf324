"""Names of the features that a source's columns contain."""

from __future__ import annotations

from monitor.plant.plant import Plant
from monitor.plant.sources import PartSource, ValueColumn


def feature_names(name: str, column: ValueColumn) -> tuple[str, ...]:
    """The features of a value column: its own name, three statistics of an image, or the elements of a vector."""
    if column.vector is not None:
        width = len(str(column.vector))
        return tuple(f"{name}{i:0{width}d}" for i in range(1, column.vector + 1))
    return (f"{name}_mean", f"{name}_std", f"{name}_gradient") if column.image else (name,)


def feature_units(plant: Plant) -> dict[str, str]:
    """The unit of each feature of part steps, as far as the plant file tells."""
    parts = [source for source in plant.sources.values() if isinstance(source, PartSource)]
    columns = [pair for source in parts for pair in source.values.items()]
    return {feature: column.unit for name, column in columns for feature in feature_names(name, column) if column.unit}


def judged_steps(plant: Plant, name: str) -> frozenset[str]:
    """The steps at which a gate judges the picture of this value column."""
    pictures = [gate.picture for gate in plant.gates.values()]
    return frozenset(picture.step for picture in pictures if picture is not None and picture.name == name)


def image_features(plant: Plant) -> frozenset[str]:
    """All features of part steps that are computed from images."""
    parts = [source for source in plant.sources.values() if isinstance(source, PartSource)]
    return frozenset(
        feature for source in parts for name, column in source.values.items() if column.image
        for feature in feature_names(name, column)
    )  # fmt: skip
