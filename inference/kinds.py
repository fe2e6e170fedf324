"""The model kinds: the name in plant files and packages, and the module with its `KIND`.

A kind's module and its libraries are imported when the kind is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from inference.models.kind import ModelKind

KINDS: dict[str, str] = {
    "classifier": "inference.models.tables.classifier",
    "ensemble": "inference.models.tables.ensemble",
    "image": "inference.models.image",
    "shape": "inference.models.shapes.shape",
}
"""The kinds that a gate of a plant can have."""

OF_CLASSES = frozenset({"classifier", "image"})
"""Those of them that predict a class; the others predict a number."""

OTHER_KINDS: dict[str, str] = {
    "forecast": "inference.models.forecast",
}
"""The kinds for data outside any plant only. Every gate has a forecast of its own beside its model."""

PICTURE_KINDS = frozenset({"image"})
"""The kinds that judge pictures instead of rows of numbers."""


def kind_names() -> list[str]:
    """Every kind, in the order of the alphabet."""
    return sorted({*KINDS, *OTHER_KINDS})


def load_kind(name: str) -> ModelKind:
    """Import the kind of that name; KeyError for an unknown one."""
    return cast("ModelKind", importlib.import_module((KINDS | OTHER_KINDS)[name]).KIND)
