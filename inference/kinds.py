"""The gate model kinds: the name in plant files and packages, and the module with its `KIND`.

A kind's module and its libraries are imported when the kind is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from inference.models.kind import ModelKind

KINDS: dict[str, str] = {
    "forecast": "inference.models.forecast",
    "shape": "inference.models.shape",
}


def load_kind(name: str) -> ModelKind:
    """Import the kind of that name; KeyError for an unknown one."""
    return cast("ModelKind", importlib.import_module(KINDS[name]).KIND)
