"""Packages of models in tests: one made once, and damaged ones with digests that are right or not."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load as from_bytes
from safetensors.numpy import save as to_bytes

from inference import packaging
from inference.packaging import MANIFEST, WEIGHTS
from inference.training import TrainedModel
from monitor.errors import ModelError, ModelReason
from monitor.ports import GateModel

Damage = Callable[[Path], object]


@dataclass
class Packaged:
    """A kind by its name in the roster, and a folder of its own. What is made of it is made once."""

    kind: str
    folder: Path

    @cached_property
    def trained(self) -> TrainedModel:
        """Of each suite its own."""
        raise NotImplementedError

    @cached_property
    def package(self) -> tuple[Path, str]:
        return self.folder / "plain", packaging.save(self.trained, self.folder / "plain")

    @cached_property
    def model(self) -> GateModel:
        return packaging.load(*self.package)


def cut(path: Path, keep: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])


def flip_byte(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def forge(folder: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    """Change manifest and tensors of a package and make its digests right again."""
    manifest = json.loads((folder / MANIFEST).read_bytes())
    tensors = {name: np.array(tensor) for name, tensor in from_bytes((folder / WEIGHTS).read_bytes()).items()}
    change(manifest, tensors)
    weights = to_bytes({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()})
    (folder / WEIGHTS).write_bytes(weights)
    manifest["weights_sha256"] = hashlib.sha256(weights).hexdigest()
    (folder / MANIFEST).write_bytes(packaging.canonical(manifest))


def refusal_of(folder: Path) -> ModelError | None:
    try:
        packaging.load(folder)
    except ModelError as exc:
        return exc
    return None


def assert_refused(
    package: Path, folder: Path, damages: Iterable[tuple[str, Damage]], reasons: Collection[ModelReason]
) -> None:
    """Each damage to a copy of the package is refused in one sentence, for one of the reasons."""
    for name, damage in damages:
        shutil.copytree(package, folder)
        damage(folder)
        refusal = refusal_of(folder)
        assert refusal is not None, f"{name}: a model was loaded"
        assert refusal.reason in reasons, name
        assert "\n" not in str(refusal), name
        shutil.rmtree(folder)
