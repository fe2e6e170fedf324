"""Model packages: weights as safetensors beside a manifest of digests; nothing in them can run code.

A package is a folder of two files. `manifest.json` (canonical JSON) holds the architecture with its sizes, the
feature schema, the calibration, the training metrics, the digest of the training data and the SHA-256 of
`weights.safetensors`. The SHA-256 of the manifest is the package's digest: it names everything in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inference.models.gaps import Gaps
from monitor.errors import ModelError, ModelReason

if TYPE_CHECKING:
    from inference.models.shape import ShapeModel, ShapeNetwork
    from inference.training import TrainedModel

MANIFEST = "manifest.json"
WEIGHTS = "weights.safetensors"
FORMAT = 1
_MOST_BYTES = 64 * 2**20  # a shape model has some 100 kB: a larger file is not one


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SizesEntry(_Value):
    """The sizes of the network; bounded, so that a manifest cannot ask for a network that fills the memory."""

    profile: int = Field(ge=3, le=1024)
    covariates: int = Field(ge=0, le=1024)
    code: int = Field(ge=1, le=1024)
    hidden: int = Field(ge=1, le=1024)


class CalibrationEntry(_Value):
    """The calibration, as `inference.models.shape.Calibration`."""

    coverage: float = Field(gt=0, lt=1)
    half_width: float = Field(ge=0)
    distance_limit: float = Field(gt=0)
    skill: float


class GapsEntry(_Value):
    """What stands in the place of missing inputs, as `inference.models.gaps.Gaps`."""

    most: float = Field(ge=0, lt=1)
    fill: tuple[float, ...]
    ignored: tuple[bool, ...]


class Manifest(_Value):
    """What `manifest.json` holds; unknown keys are errors."""

    format: Literal[1]
    architecture: Literal["shape"]
    sizes: SizesEntry
    inputs: tuple[str, ...]
    calibration: CalibrationEntry
    metrics: dict[str, float]
    data_digest: str
    weights_sha256: str
    gaps: GapsEntry | None = None


def save(model: TrainedModel, folder: Path) -> str:
    """Write a package and return its digest; the folder appears whole or not at all."""
    from safetensors.torch import save as to_bytes

    from inference.models.shape import NAME

    weights = to_bytes({name: tensor.contiguous() for name, tensor in model.network.state_dict().items()})
    manifest = canonical(
        {
            "format": FORMAT,
            "architecture": NAME,
            "sizes": asdict(model.network.sizes),
            "inputs": model.inputs,
            "calibration": asdict(model.calibration),
            "metrics": asdict(model.metrics),
            "data_digest": model.data_digest,
            "weights_sha256": hashlib.sha256(weights).hexdigest(),
            "gaps": None if model.gaps is None else asdict(model.gaps),
        }
    )
    write(folder, {WEIGHTS: weights, MANIFEST: manifest})
    return hashlib.sha256(manifest).hexdigest()


def load(folder: Path, expected_digest: str | None = None) -> ShapeModel:
    """The verified model of a package; ModelError where anything is missing, damaged or not what was expected."""
    from inference.models.shape import Calibration, ShapeModel

    manifest, digest, weights = _verified(folder, expected_digest)
    network = _network(folder, manifest, weights)
    calibration = Calibration(**manifest.calibration.model_dump())
    gaps = None if manifest.gaps is None else Gaps(**manifest.gaps.model_dump())
    return ShapeModel(network, manifest.inputs, calibration, digest, gaps)


def verify(folder: Path, expected_digest: str | None = None) -> Manifest:
    """The manifest of a package whose every digest was checked; the weights' content is not looked at."""
    return _verified(folder, expected_digest)[0]


def digest_of(folder: Path) -> str:
    """The digest of a verified package."""
    return _verified(folder, None)[1]


def copy(source: Path, folder: Path, expected_digest: str) -> None:
    """Copy a verified package to another folder, whole or not at all."""
    _verified(source, expected_digest)
    write(folder, {name: _read(source / name) for name in (WEIGHTS, MANIFEST)})
    _verified(folder, expected_digest)


def canonical(value: Mapping[str, object]) -> bytes:
    """JSON with sorted keys and no spaces, so that equal values are equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files, synced to disk: it appears whole or not at all.

    A folder of that name is replaced; a crash in the middle of that can leave none, never a half one.
    """
    draft = folder.with_name(f".{folder.name}.{uuid4().hex}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir()
        for name, content in files.items():
            with (draft / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _sync(draft)
        _swap(draft, folder)
        _sync(folder.parent)
    except OSError as exc:
        shutil.rmtree(draft, ignore_errors=True)
        raise ModelError(
            f"model package {folder} cannot be written: {exc.strerror}; free space or grant access",
            ModelReason.UNREACHABLE,
        ) from exc


def _swap(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)
    except OSError:
        if not folder.exists():
            raise
        # a folder with files cannot be renamed over: set the old one aside first
        old = folder.with_name(f".{folder.name}.{uuid4().hex}")
        folder.rename(old)
        draft.rename(folder)
        shutil.rmtree(old, ignore_errors=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _verified(folder: Path, expected_digest: str | None) -> tuple[Manifest, str, bytes]:
    content = _read(folder / MANIFEST)
    digest = hashlib.sha256(content).hexdigest()
    if expected_digest is not None and digest != expected_digest:
        raise ModelError(
            f"model package {folder} has digest {digest[:12]}, expected {expected_digest[:12]}: "
            "it was changed or is another version; fetch it again",
            ModelReason.MISMATCH,
        )
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as exc:
        raise _unreadable(folder, exc) from exc
    if len(manifest.inputs) != manifest.sizes.profile + manifest.sizes.covariates:
        raise ModelError(
            f"model package {folder} names {len(manifest.inputs)} inputs for a network of "
            f"{manifest.sizes.profile} points and {manifest.sizes.covariates} covariates; train the model again",
            ModelReason.MISMATCH,
        )
    weights = _read(folder / WEIGHTS)
    if hashlib.sha256(weights).hexdigest() != manifest.weights_sha256:
        raise _corrupt(folder, f"{WEIGHTS} is not the file its manifest names")
    return manifest, digest, weights


def _unreadable(folder: Path, exc: ValidationError) -> ModelError:
    first = exc.errors()[0]
    where = ".".join(map(str, first["loc"])) or "the file"
    if first["loc"] in (("format",), ("architecture",)) and first["type"] == "literal_error":
        return ModelError(
            f"model package {folder} has {where} {first['input']!r}, expected {first['ctx']['expected']}; "
            "train the model again with this version",
            ModelReason.MISMATCH,
        )
    return _corrupt(folder, f"{MANIFEST} cannot be read at {where}: {first['msg']}")


def _network(folder: Path, manifest: Manifest, weights: bytes) -> ShapeNetwork:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load as from_bytes

    from inference.models.shape import ShapeNetwork, ShapeSizes

    try:
        tensors = from_bytes(weights)
    except (SafetensorError, KeyError, ValueError) as exc:
        raise _corrupt(folder, f"{WEIGHTS} is no safetensors file") from exc
    network = ShapeNetwork(ShapeSizes(**manifest.sizes.model_dump()))
    wanted = {name: (tensor.shape, tensor.dtype) for name, tensor in network.state_dict().items()}
    found = {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
    if wanted != found:
        wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        raise ModelError(
            f"model package {folder} has weights that do not fit its architecture ({', '.join(wrong[:3])}); "
            "train the model again",
            ModelReason.MISMATCH,
        )
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise _corrupt(folder, f"{WEIGHTS} holds a number that is not finite")
    network.load_state_dict(tensors)
    return network


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise _corrupt(path.parent, f"{path.name} is larger than {_MOST_BYTES} bytes")
        return path.read_bytes()
    except OSError as exc:
        raise ModelError(
            f"model package {path.parent} has no readable {path.name}: {exc.strerror}; fetch or train the model again",
            ModelReason.NOT_FOUND,
        ) from exc


def _corrupt(folder: Path, why: str) -> ModelError:
    return ModelError(f"model package {folder} is corrupt: {why}; fetch or train the model again", ModelReason.CORRUPT)
