"""Fitting of the shape model's autoencoder, stopped early on a separate stopping part."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import torch
from torch import Tensor, nn

from inference.models.fitting import Rows
from inference.models.kind import TrainingSettings
from inference.models.shapes.network import ShapeNetwork, ShapeSizes
from monitor.model import Floats

_STEPS_AN_EPOCH = 6  # batches grow with the rows, so that an epoch takes about the same time
_LEARNING_RATE = 4e-3
_WEIGHT_DECAY = 1.0  # strong, because there are only a few hundred parts
_NOISE = 0.3  # standard deviations of noise added to the inputs, which a denoising autoencoder learns to undo
_PATIENCE = 20  # epochs without a gain
_GAIN = 0.01  # of the loss: reconstructions go on improving by less than anybody would notice


def fit_autoencoder(
    table: Floats, parts: Mapping[str, Rows], sizes: ShapeSizes, settings: TrainingSettings
) -> tuple[ShapeNetwork, int]:
    """The network at its best epoch on the stopping part, and that epoch.

    Its scales and ranges are those of the part `known`, by default of the training part.
    """
    rows = torch.from_numpy(table).double()
    training, stopping = rows[parts["train"]], rows[parts["stopping"]]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = ShapeNetwork(sizes)
        network.fit_scales(rows[parts.get("known", parts["train"])], settings.line)
        shapes, others = (network.standardise(part)[:, : sizes.profile] for part in (training, stopping))
        return _descend(network, shapes, others, settings.epochs)


def _descend(network: ShapeNetwork, training: Tensor, stopping: Tensor, epochs: int) -> tuple[ShapeNetwork, int]:
    optimiser = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY, foreach=True)
    size = max(32, ceil(len(training) / _STEPS_AN_EPOCH))
    best, best_loss, best_epoch = _weights(network), float("inf"), 0
    gained, gained_loss = 0, float("inf")
    for epoch in range(1, epochs + 1):
        for chosen in torch.split(torch.randperm(len(training)), size):
            optimiser.zero_grad()
            _loss(network, training[chosen], _NOISE).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        with torch.inference_mode():
            loss = float(_loss(network, stopping, noise=0.0))
        if loss < best_loss:
            best, best_loss, best_epoch = _weights(network), loss, epoch
        if loss < (1 - _GAIN) * gained_loss:
            gained, gained_loss = epoch, loss
        elif epoch - gained >= _PATIENCE:
            break
    network.load_state_dict(best)
    return network, best_epoch


def _weights(network: ShapeNetwork) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def _loss(network: ShapeNetwork, shape: Tensor, noise: float) -> Tensor:
    """Mean squared error of the reconstructed shape, standardised."""
    return nn.functional.mse_loss(network.reconstructed(shape + noise * torch.randn_like(shape)), shape)
