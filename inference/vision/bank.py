"""A bank of patches of good parts: how far a picture's patches are from the nearest known ones.

Roth et al., "Towards total recall in industrial anomaly detection" (PatchCore), CVPR 2022: patches of middle stages,
the nearest in a subset that covers them; here with each channel standardised by the good parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.vision.describing import Patches
from inference.vision.threads import one_thread

Singles = NDArray[np.float32]

MOST_PATCHES = 4096
"""Patches in a bank: beyond, judging a picture takes longer than the backbone."""
_CANDIDATES = 16_384
_PROJECTED = 24  # dimensions in which the subset is chosen


@dataclass(frozen=True)
class Bank:
    """Standardised patches (patches, channels) of good parts, with the standardisation."""

    centre: Singles
    scale: Singles
    patches: Singles

    def distances(self, patches: Patches) -> Singles:
        """The distance of each patch of a picture (patches,) to the nearest in the bank, per root of the channels."""
        with one_thread(), torch.inference_mode():
            centre, scale, bank, squares = self._aligned
            mine = (torch.from_numpy(patches).float() - centre) / scale
            squared = torch.addmm(squares, mine, bank.T, alpha=-2)
            nearest = (squared.amin(1) + mine.square().sum(1)).clamp(min=0)
            return np.asarray((nearest / bank.shape[1]).sqrt().numpy())

    @cached_property
    def _aligned(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Copies in memory of torch's own: the last bits of a product depend on its alignment."""
        centre, scale, bank = (torch.tensor(part) for part in (self.centre, self.scale, self.patches))
        return centre, scale, bank, bank.square().sum(1)


def fit_bank(pictures: Sequence[Patches], seed: int) -> Bank:
    """A bank of the patches of good pictures: a subset so that each patch is near one of it."""
    all_of_them = np.concatenate(pictures).astype(np.float32)
    centre, scale = all_of_them.mean(0, dtype=np.float64), all_of_them.std(0, dtype=np.float64)
    scale = scale + 1e-3 * float(np.sqrt(np.square(scale).mean())) + 1e-6
    centre, scale = centre.astype(np.float32), scale.astype(np.float32)
    random = np.random.default_rng(seed)
    chosen = np.sort(random.permutation(len(all_of_them))[:_CANDIDATES])
    candidates = np.ascontiguousarray((all_of_them[chosen] - centre) / scale)
    if len(candidates) > MOST_PATCHES:
        candidates = np.ascontiguousarray(candidates[_covering(candidates, MOST_PATCHES, random)])
    return Bank(centre, scale, candidates)


def _covering(vectors: Singles, count: int, random: np.random.Generator) -> NDArray[np.intp]:
    """Greedy k-centre: each next one is the farthest from those chosen, after a random projection."""
    projection = random.normal(size=(vectors.shape[1], _PROJECTED)) / np.sqrt(_PROJECTED)
    with one_thread():
        low = torch.from_numpy(vectors.astype(np.float64) @ projection).float()
        squares = low.square().sum(1)
        nearest, distance = torch.full((len(low),), torch.inf), torch.empty(len(low))
        # NumPy's view of the same memory: its argmax takes a tenth of torch's time.
        seen, at = nearest.numpy(), 0
        chosen = np.empty(count, dtype=np.intp)
        for i in range(count):
            at = int(seen.argmax()) if i else 0
            chosen[i] = at
            torch.add(squares, squares[at], out=distance).addmv_(low, low[at], alpha=-2)
            torch.minimum(nearest, distance, out=nearest)
    return np.sort(chosen)
