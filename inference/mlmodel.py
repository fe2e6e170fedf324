"""The file `MLmodel` of a package: its signature, for registries that want one and for people who look at a version.

MLflow reads it; Gatewatch never does. It names no flavour that MLflow could run: a version is loaded by its package.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

import yaml

from inference.kinds import OF_CLASSES, PICTURE_KINDS

MLMODEL = "MLmodel"
_OUTPUTS = ("value", "lower", "upper", "distance", "distance_limit")
_WIDTH = 10**6  # one line each


def mlmodel(kind: str, inputs: Sequence[str], categories: Collection[str], files: Sequence[str]) -> bytes:
    """The file's content, the same for the same model: inputs and outputs by name and type, and what the package holds.

    Numbers are doubles, inputs in `categories` text, a picture the bytes of its file; of a kind that predicts a class,
    `probabilities` has that of each. A missing number is NaN.
    """
    signature = {
        "inputs": json.dumps([_column(_type(kind, name, categories), name) for name in inputs]),
        "outputs": json.dumps([*(_column("double", name) for name in _OUTPUTS), *_probabilities(kind)]),
        "params": None,
    }
    content = {"flavors": {"gatewatch": {"architecture": kind, "files": list(files)}}, "signature": signature}
    return yaml.safe_dump(content, width=_WIDTH, allow_unicode=True).encode()


def _type(kind: str, name: str, categories: Collection[str]) -> str:
    if kind in PICTURE_KINDS:
        return "binary"
    return "string" if name in categories else "double"


def _column(kind: str, name: str) -> dict[str, object]:
    return {"type": kind, "name": name, "required": True}


def _probabilities(kind: str) -> list[dict[str, object]]:
    if kind not in OF_CLASSES:
        return []
    return [{**_column("array", "probabilities"), "items": {"type": "double"}}]
