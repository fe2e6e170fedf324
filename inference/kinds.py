"""The roster of gate model kinds: the name in plant files and packages, and the module with its `KIND`.

Naming a kind imports nothing; its libraries are loaded when the kind is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from inference.models.kind import ModelKind

KINDS: dict[str, str] = {
    "shape": "inference.models.shape",
}


def kind_named(name: str) -> ModelKind:
    """The kind of that name; KeyError for one that is not in the roster."""
    return cast("ModelKind", importlib.import_module(KINDS[name]).KIND)
