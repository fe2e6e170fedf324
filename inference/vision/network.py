"""EfficientNet-Lite0 without its last stage and head: the maps of its stages, with batch normalisation folded in.

Tan and Le, "EfficientNet: Rethinking model scaling for convolutional neural networks", ICML 2019; the Lite variant has
neither squeeze-and-excitation nor swish. The last stages know objects of everyday photographs; for surfaces they harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

STEM = 32
"""Channels after the first convolution."""


class Stage(NamedTuple):
    """Blocks in a row: how many, the kernel, the stride of the first, how much each widens inside, channels after."""

    blocks: int
    kernel: int
    stride: int
    widen: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
)
"""The stages that are used, of seven."""


class Convolution(nn.Module):
    """A convolution with a bias; as TensorFlow pads it ("same"), the odd pixel of padding at the lower right."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.filters = nn.Conv2d(before, after, kernel, stride, kernel // 2 if stride == 1 else 0, groups=groups)

    def forward(self, pixels: Tensor) -> Tensor:
        """Maps (pictures, before, h, w) to (pictures, after, h / stride, w / stride), rounded up."""
        if self.stride > 1:
            height, width = (self._padding(size) for size in pixels.shape[-2:])
            pixels = functional.pad(pixels, (width // 2, width - width // 2, height // 2, height - height // 2))
        return self.filters(pixels)  # type: ignore[no-any-return]

    def _padding(self, size: int) -> int:
        return max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)


class Block(nn.Module):
    """An inverted residual: widen, filter each channel by itself, narrow; added to its input where the sizes agree."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, widen: int) -> None:
        super().__init__()
        inside = before * widen
        self.adds = stride == 1 and before == after
        self.expand = Convolution(before, inside, 1) if widen > 1 else None
        self.depthwise = Convolution(inside, inside, kernel, stride, groups=inside)
        self.project = Convolution(inside, after, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (pictures, before, h, w) to (pictures, after, h / stride, w / stride)."""
        inside = maps if self.expand is None else functional.relu6(self.expand(maps), inplace=True)
        narrow = self.project(functional.relu6(self.depthwise(inside), inplace=True))
        return maps + narrow if self.adds else narrow  # type: ignore[no-any-return]


class Backbone(nn.Module):
    """The network; `forward` gives the maps of the stages that are asked for, 1 for the first."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, STEM, 3, 2)
        self.stages = nn.ModuleList()
        before = STEM
        for stage in STAGES:
            blocks = [
                Block(before if i == 0 else stage.channels, stage.channels, stage.kernel, 1 if i else stage.stride,
                      stage.widen)
                for i in range(stage.blocks)
            ]  # fmt: skip
            self.stages.append(nn.Sequential(*blocks))
            before = stage.channels

    def forward(self, pixels: Tensor, wanted: Sequence[int]) -> list[Tensor]:
        """Pixels (pictures, 3, h, w), 0 for grey and -1 to 1; the maps of the stages `wanted`, in rising order."""
        found = []
        maps = functional.relu6(self.stem(pixels), inplace=True)
        for number, stage in enumerate(self.stages[: max(wanted)], start=1):
            maps = stage(maps)
            if number in wanted:
                found.append(maps)
        return found
