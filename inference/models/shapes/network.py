"""The network of the shape model: an autoencoder of a profile.

A profile of k points is first aligned: the offset and tilt of the whole part under the gauge are fitted by least
squares over the points and treated as two more covariates; the residual is the shape. A denoising autoencoder (Vincent
et al., 2008) compresses the shape. The reconstruction error measures how far a part lies from the training parts
(Sakurada and Yairi, 2014). Packages of before also hold a regression from the code and the covariates to the
characteristic; now a Gaussian process predicts it (`inference.models.shapes.regression`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from monitor.model import Floats

BATCH = 256
"""Rows of every forward pass, the last one padded: passes of different sizes differ in the last bits."""
RANGE_MARGIN = 0.25
"""How far, in widths of the training range, a covariate may leave that range: 400 normal values span about six
standard deviations, so the border lies at about 4.5, beyond what healthy parts reach by chance."""
_PRODUCTS = 2**20  # numbers in memory at once, 8 MiB
_RAW_BOUND = 1e100  # keeps sums of squares finite
_STANDARD_BOUND = 1e4  # far beyond any limit; keeps every prediction finite whatever the input


@dataclass(frozen=True, slots=True)
class ShapeSizes:
    """The sizes that define the network: profile points, covariates, widths of code and hidden layers."""

    profile: int
    covariates: int
    code: int = 8
    hidden: int = 32

    @property
    def inputs(self) -> int:
        """Columns of a row."""
        return self.profile + self.covariates

    @property
    def extras(self) -> int:
        """Features other than the shape: offset, tilt and the covariates."""
        return 2 + self.covariates


def multiply_by_row(rows: Tensor, weight: Tensor) -> Tensor:
    """The product of rows (rows, n) and a weight (m, n) as (rows, m), bitwise independent of the other rows.

    The order of sums in a BLAS matrix product depends on a row's memory alignment, so on its place in the batch. Here
    each row is summed separately; blocks of outputs bound the memory.
    """
    step = max(1, _PRODUCTS // max(1, rows.numel()))
    parts = [(rows.unsqueeze(1) * block).sum(dim=2) for block in torch.split(weight, step)]
    return torch.cat(parts, dim=1)


class RowLinear(nn.Linear):
    """A linear layer; outside training, its result for a row depends on that row alone."""

    def forward(self, rows: Tensor) -> Tensor:
        """Rows (rows, inputs) to (rows, outputs)."""
        return super().forward(rows) if self.training else multiply_by_row(rows, self.weight) + self.bias


class ShapeNetwork(nn.Module):
    """The network in float64, its standardisation in buffers; `forward` takes raw rows (rows, inputs).

    With `regression`, as in packages of before, it predicts the characteristic too; that is no longer trained.
    """

    align: Tensor
    centre: Tensor
    scale: Tensor
    low: Tensor
    high: Tensor
    target: Tensor

    def __init__(self, sizes: ShapeSizes, regression: bool = False) -> None:
        super().__init__()
        self.sizes, self.regression = sizes, regression
        features = sizes.profile + sizes.extras
        self.encoder = nn.Sequential(RowLinear(sizes.profile, sizes.hidden), nn.SiLU())
        self.code = RowLinear(sizes.hidden, sizes.code)
        self.decoder = nn.Sequential(
            RowLinear(sizes.code, sizes.hidden), nn.SiLU(), RowLinear(sizes.hidden, sizes.profile)
        )
        if regression:
            self.linear = RowLinear(sizes.code + sizes.extras, 1)
            self.curved = nn.Sequential(
                RowLinear(sizes.code + sizes.extras, sizes.hidden), nn.SiLU(), RowLinear(sizes.hidden, 1)
            )
            self.register_buffer("target", torch.tensor([0.0, 1.0]))  # mean and scale of the characteristic
        self.register_buffer("align", torch.from_numpy(alignment(sizes)))
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.register_buffer("low", torch.zeros(sizes.extras))
        self.register_buffer("high", torch.zeros(sizes.extras))
        self.double()

    def fit_scales(self, rows: Tensor, line: bool = True) -> None:
        """Set the standardisation and the ranges from the training rows (rows, inputs).

        `line` says whether the profile is one line of points; else its values have no offset, tilt or unit in common.
        """
        self.align.copy_(torch.from_numpy(alignment(self.sizes, line)))
        features = rows @ self.align
        self.centre.copy_(features.mean(dim=0))
        self.scale.copy_(_scales(features, self.sizes.profile if line else 0))
        extras = self.standardise(rows)[:, self.sizes.profile :]
        low, high = extras.amin(dim=0), extras.amax(dim=0)
        # a constant input may still differ in its last digits
        margin = RANGE_MARGIN * (high - low) + 1e-6
        self.low.copy_(low - margin)
        self.high.copy_(high + margin)

    def standardise(self, rows: Tensor) -> Tensor:
        """Raw rows (rows, inputs) as standardised shape, offset, tilt and covariates (rows, profile + extras)."""
        features = self._aligned(rows.clamp(-_RAW_BOUND, _RAW_BOUND))
        return ((features - self.centre) / self.scale).clamp(-_STANDARD_BOUND, _STANDARD_BOUND)

    def _aligned(self, rows: Tensor) -> Tensor:
        if self.training:
            return rows @ self.align
        if int((self.align != 0).sum(dim=0).max()) > 1:
            return multiply_by_row(rows, self.align.T)
        # Each feature is one input, perhaps of hundreds: no sums are needed.
        source = self.align.abs().argmax(dim=0)
        return rows[:, source] * self.align.gather(0, source.unsqueeze(0))

    def reconstructed(self, shape: Tensor) -> Tensor:
        """The standardised shape (rows, profile) after it was compressed."""
        return torch.as_tensor(self.decoder(self.code(self.encoder(shape))))

    def forward(self, rows: Tensor) -> Tensor:
        """Per row reconstruction error and worst range excess, and with a regression the value: (rows, 2 or 3).

        The error is the root mean square over the profile's points, in standard deviations of the training shapes.
        The excess is how far, in standard deviations, the worst of offset, tilt and covariates lies outside its range;
        0 if all lie inside. The value is in the characteristic's unit.
        """
        features = self.standardise(rows)
        shape, extras = features[:, : self.sizes.profile], features[:, self.sizes.profile :]
        code = self.code(self.encoder(shape))
        error = (self.decoder(code) - shape).square().mean(dim=1).sqrt()
        excess = torch.maximum(self.low - extras, extras - self.high).amax(dim=1).clamp(min=0)
        if not self.regression:
            return torch.stack([error, excess], dim=1)
        regressors = torch.cat([code, extras], dim=1)
        value = (self.linear(regressors) + self.curved(regressors)).squeeze(1)
        return torch.stack([error, excess, value * self.target[1] + self.target[0]], dim=1)


def run_padded(network: ShapeNetwork, rows: Floats) -> Floats:
    """The network's numbers per row (rows, 2 or 3); every forward pass has exactly `BATCH` rows.

    A row's result depends neither on its place nor on the other rows, because every operation stays within a row.
    """
    if rows.ndim != 2 or rows.shape[1] != network.sizes.inputs:
        raise ValueError(f"expected rows of {network.sizes.inputs} inputs, not an array of shape {rows.shape}")
    network.eval()
    outputs = np.empty((len(rows), 3 if network.regression else 2))
    batch = torch.zeros((BATCH, rows.shape[1]), dtype=torch.float64)
    with torch.inference_mode():
        for start in range(0, len(rows), BATCH):
            part = torch.tensor(rows[start : start + BATCH], dtype=torch.float64)
            batch[: len(part)] = part
            outputs[start : start + BATCH] = network(batch)[: len(part)].numpy()
    return outputs


def alignment(sizes: ShapeSizes, line: bool = True) -> Floats:
    """The matrix (inputs, profile + extras) that splits a profile into shape, offset and tilt.

    Offset and tilt are those of the least-squares line over the points, spaced from -1 to 1; covariates pass unchanged.
    Without a `line` the profile passes unchanged too, and offset and tilt are 0.
    """
    if not line:
        return np.insert(np.eye(sizes.inputs), [sizes.profile, sizes.profile], 0.0, axis=1)
    straight = np.stack([np.ones(sizes.profile), np.linspace(-1, 1, sizes.profile)], axis=1)
    fit = np.linalg.pinv(straight)
    split = np.zeros((sizes.inputs, sizes.profile + sizes.extras))
    split[: sizes.profile, : sizes.profile] = np.eye(sizes.profile) - (straight @ fit).T
    split[: sizes.profile, sizes.profile : sizes.profile + 2] = fit.T
    split[sizes.profile :, sizes.profile + 2 :] = np.eye(sizes.covariates)
    return split


def _scales(features: Tensor, profile: int) -> Tensor:
    """Standard deviation of each feature, with a floor, so that any change of a constant feature is large."""
    spread = features.std(dim=0)
    floor = features.abs().amax(dim=0) * 1e-9 + 1e-12
    # points of one profile share a unit: a point that hardly moves is measured against the profile's own spread
    floor[:profile] += 1e-3 * spread[:profile].square().mean().sqrt()
    return torch.maximum(spread, floor)
