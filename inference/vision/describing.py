"""What the backbone says of a picture: numbers of its maps as a whole, and a vector for each patch of two levels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from inference.vision.network import STAGES, Backbone
from inference.vision.threads import one_thread
from inference.vision.weights import backbone
from monitor.processes import both

Pixels = NDArray[np.uint8]
Patches = NDArray[np.float16]
"""Vectors of a picture's patches (patches, channels), row by row of the picture."""

SIDE = 224
"""Every picture is scaled to this height and width, whatever its own: measured, no worse than keeping its shape."""
WHOLE = (2, 3, 4, 5, 6)
"""Stages whose maps are summed up over the picture: mean, deviation and maximum of each channel."""
LEVELS = ((14, (3, 5)), (7, (6,)))
"""Patches a side and the stages that describe them: fine ones, and coarse ones with their surroundings."""
FEATURES = 3 * sum(STAGES[stage - 1].channels for stage in WHOLE)
CHANNELS = tuple(sum(STAGES[stage - 1].channels for stage in stages) for _, stages in LEVELS)
_MOST = 60_000.0  # below the largest float16


@dataclass(frozen=True, slots=True)
class Description:
    """A picture in numbers: `whole` (FEATURES,) and for each of `LEVELS` its patches."""

    whole: NDArray[np.float32]
    patches: tuple[Patches, ...]


def describe(pictures: Sequence[Pixels], train: bool = False) -> Iterator[Description]:
    """Each picture's description, one forward a picture on one thread: no bit depends on the other pictures.

    With `train` a GPU is used where there is one; its numbers differ from the CPU's in the last digits.
    """
    network = backbone()
    gpu = train and torch.cuda.is_available()
    device = torch.device("cuda" if gpu else "cpu")
    if gpu:
        network = _copy_to(network, device)
    for picture in pictures:
        pixels = prepare(picture)
        with one_thread(), torch.inference_mode():
            maps = dict(zip(WHOLE, network(pixels.to(device), WHOLE), strict=True))
            yield Description(_whole(maps), tuple(_patches(maps, *level) for level in LEVELS))


def describe_all(pictures: Sequence[Pixels]) -> Iterator[Description]:
    """The descriptions of pictures to train on, half of them by a second core where there is no GPU."""
    half = len(pictures) // 2
    if not half or torch.cuda.is_available():
        yield from describe(pictures, train=True)
        return
    first, (whole, *patches) = both(
        lambda: list(describe(pictures[:half], train=True)), lambda: _stacked(describe(pictures[half:], train=True))
    )
    yield from first
    yield from (Description(one, tuple(of_parts)) for one, *of_parts in zip(whole, *patches, strict=True))


def _stacked(descriptions: Iterable[Description]) -> tuple[NDArray[Any], ...]:
    """The numbers of pictures as a whole (pictures, FEATURES), and of each level (pictures, patches, channels)."""
    described = list(descriptions)
    levels = zip(*(one.patches for one in described), strict=True)
    return np.stack([one.whole for one in described]), *(np.stack(level) for level in levels)


def prepare(picture: Pixels) -> Tensor:
    """The network's input (1, 3, SIDE, SIDE) of a grey or colour picture. ValueError for anything else."""
    fits = isinstance(picture, np.ndarray) and picture.dtype == np.uint8 and picture.size > 0
    if not fits or not (picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 3)):
        found = f"{picture.dtype} {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
        raise ValueError(f"expected pictures of uint8 (height, width) or (height, width, 3), not {found}")
    scaled = np.array(Image.fromarray(np.ascontiguousarray(picture)).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    planes = torch.from_numpy(scaled).float().sub(127).div(128)
    planes = planes.expand(3, -1, -1) if planes.ndim == 2 else planes.permute(2, 0, 1)
    return planes[None].contiguous(memory_format=torch.channels_last)


def _copy_to(network: Backbone, device: torch.device) -> Backbone:
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    copy = Backbone()
    copy.load_state_dict(network.state_dict())
    return copy.eval().to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _whole(maps: dict[int, Tensor]) -> NDArray[np.float32]:
    flat = [maps[stage][0].flatten(1) for stage in WHOLE]
    numbers = [number for m in flat for number in (m.mean(1), m.std(1), m.amax(1))]
    return torch.cat(numbers).float().cpu().numpy()


def _patches(maps: dict[int, Tensor], side: int, stages: Sequence[int]) -> Patches:
    scaled = [functional.adaptive_avg_pool2d(maps[stage], side) for stage in stages]
    vectors = torch.cat(scaled, 1)[0].flatten(1).T
    return vectors.clamp(-_MOST, _MOST).half().cpu().contiguous().numpy()
