"""The kind `shape`: training, calibration and package contents.

Training stops early on a separate stopping part; split-conformal calibration sets the width of the interval. The
network itself is in `inference.models.shape_network`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from math import ceil

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from inference.models.fitting import Rows, capped_quantile, check_sizes, conformal_quantile, measure, split
from inference.models.gaps import Gaps, learn_gaps
from inference.models.kind import Contents, Tensors, TrainingData, TrainingMetrics, TrainingSettings
from inference.models.shape_network import ShapeNetwork, ShapeSizes, run_padded
from monitor.model import Floats, Prediction

DISTANCE_COVERAGE = 0.99
"""Share of healthy parts whose reconstruction error should lie below the limit."""
_STEPS_AN_EPOCH = 6  # batches grow with the rows, so that an epoch takes about the same time
_LEARNING_RATE = 4e-3
_WEIGHT_DECAY = 1.0  # strong, because there are only a few hundred parts
_NOISE = 0.3  # standard deviations of noise added to the inputs, which a denoising autoencoder learns to undo
_PATIENCE = 40


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SizesEntry(_Value):
    """The sizes of the network; bounded, so that a manifest cannot ask for a network that fills the memory."""

    profile: int = Field(ge=3, le=1024)
    covariates: int = Field(ge=0, le=1024)
    code: int = Field(ge=1, le=1024)
    hidden: int = Field(ge=1, le=1024)


class CalibrationEntry(_Value):
    """The calibration, as `Calibration`."""

    coverage: float = Field(gt=0, lt=1)
    half_width: float = Field(ge=0)
    distance_limit: float = Field(gt=0)
    skill: float


class GapsEntry(_Value):
    """How missing inputs are filled, as `inference.models.gaps.Gaps`."""

    most: float = Field(ge=0, lt=1)
    fill: tuple[float, ...]
    ignored: tuple[bool, ...]


class Entries(_Value):
    """The manifest entries of a shape model."""

    sizes: SizesEntry
    calibration: CalibrationEntry
    gaps: GapsEntry | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns a network's outputs into predictions, from rows it was not trained on.

    `half_width` is half the conformal interval at `coverage`, in the characteristic's unit; `distance_limit` is in
    standard deviations; `skill` is 1 - error / error of the naive baseline.
    """

    coverage: float
    half_width: float
    distance_limit: float
    skill: float


class ShapeModel:
    """A network with its calibration: the `GateModel` of a measured profile.

    The distance of a prediction is the reconstruction error if offset, tilt and covariates lie within their widened
    training ranges; otherwise it is at least (2 + excess) times the limit, so that a part outside a range is always out
    of distribution.
    """

    def __init__(
        self,
        network: ShapeNetwork,
        inputs: Sequence[str],
        calibration: Calibration,
        digest: str,
        gaps: Gaps | None = None,
    ) -> None:
        if len(inputs) != network.sizes.inputs:
            raise ValueError(f"expected {network.sizes.inputs} inputs, not {len(inputs)}")
        self.network = network.eval()
        self._inputs = tuple(inputs)
        self.calibration = calibration
        self._digest = digest
        self.gaps = gaps
        self._needed = self._inputs if gaps is None else gaps.needed(self._inputs)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Feature names, profile first, in the order of the columns."""
        return self._inputs

    @property
    def needed(self) -> tuple[str, ...]:
        """The inputs that are not ignored."""
        return self._needed

    @property
    def max_missing(self) -> float:
        """Share of the needed inputs that may be missing; 0 where none may."""
        return 0.0 if self.gaps is None else self.gaps.most

    @property
    def digest(self) -> str:
        """SHA-256 of the package's manifest."""
        return self._digest

    @property
    def skill(self) -> float:
        """1 - error / error of the naive baseline."""
        return self.calibration.skill

    @property
    def coverage(self) -> float:
        """Nominal coverage of the interval."""
        return self.calibration.coverage

    def predict(self, rows: Floats) -> Sequence[Prediction]:
        """A prediction per row of (rows, inputs); ValueError for another shape. How rows are split changes no bit."""
        complete = rows if self.gaps is None else self.gaps.filled(rows)
        value, error, excess = run_padded(self.network, complete).T
        limit = self.calibration.distance_limit
        distance = np.where(excess > 0, np.maximum(error, limit * (2 + excess)), error)
        lower, upper = value - self.calibration.half_width, value + self.calibration.half_width
        numbers = np.stack([value, lower, upper, distance], axis=1).tolist()
        return [Prediction(value, low, high, distance, limit) for value, low, high, distance in numbers]


class ShapeKind:
    """The shape model as a kind of gate model."""

    def warm_up(self) -> None:
        """Torch imports its compiler with the first optimiser."""
        torch.optim.AdamW([torch.zeros(1, requires_grad=True)])

    def train(self, data: TrainingData, settings: TrainingSettings) -> tuple[Contents, TrainingMetrics]:
        """Fit the network, calibrate its interval and distance limit, and compute its metrics.

        Where inputs may be missing, fill values come from the training part, and rows that lack too many are left out.
        """
        gaps = None
        if settings.max_missing:
            gaps = learn_gaps(data.table[split(data.serials, data.groups)["train"]], settings.max_missing)
            usable = data.at(gaps.acceptable(data.table))
            data = replace(usable, rows=gaps.filled(usable.table))
        parts = split(data.serials, data.groups)
        check_sizes(parts, settings.coverage)
        with single_thread():
            network, epochs = _fit(data, parts, settings)
            value, error, _ = run_padded(network, data.table).T
        calibrating = parts["calibration"]
        half_width = conformal_quantile(np.abs(data.target - value)[calibrating], settings.coverage)
        limit = max(capped_quantile(error[calibrating], DISTANCE_COVERAGE), 1e-6)
        metrics = measure(data.target, value, half_width, parts, epochs)
        calibration = Calibration(settings.coverage, half_width, limit, metrics.skill)
        return _contents(network, calibration, gaps), metrics

    def load(self, inputs: tuple[str, ...], contents: Contents, digest: str) -> ShapeModel:
        """The model of a package, after checking that its entries and tensors fit together."""
        entries = Entries.model_validate(contents.entries)
        sizes = ShapeSizes(**entries.sizes.model_dump())
        if len(inputs) != sizes.inputs:
            raise ValueError(
                f"names {len(inputs)} inputs for a network of {sizes.profile} points and {sizes.covariates} covariates"
            )
        network = _network(sizes, contents.tensors)
        gaps = None if entries.gaps is None else Gaps(**entries.gaps.model_dump())
        return ShapeModel(network, inputs, Calibration(**entries.calibration.model_dump()), digest, gaps)


KIND = ShapeKind()


def _contents(network: ShapeNetwork, calibration: Calibration, gaps: Gaps | None) -> Contents:
    entries = {
        "sizes": asdict(network.sizes),
        "calibration": asdict(calibration),
        "gaps": None if gaps is None else asdict(gaps),
    }
    return Contents(entries, {name: tensor.numpy() for name, tensor in network.state_dict().items()})


def _network(sizes: ShapeSizes, tensors: Tensors) -> ShapeNetwork:
    network = ShapeNetwork(sizes)
    expected = {name: (tuple(tensor.shape), np.dtype(np.float64)) for name, tensor in network.state_dict().items()}
    actual = {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
    if expected != actual:
        wrong = sorted(name for name in expected.keys() | actual.keys() if expected.get(name) != actual.get(name))
        raise ValueError(f"has weights that do not fit its architecture ({', '.join(wrong[:3])})")
    network.load_state_dict({name: torch.tensor(tensor) for name, tensor in tensors.items()})
    return network


@contextmanager
def single_thread() -> Iterator[None]:
    """Run torch on one thread: the order of sums is the same on any machine; small networks are no slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _fit(data: TrainingData, parts: Mapping[str, Rows], settings: TrainingSettings) -> tuple[ShapeNetwork, int]:
    """The network at its best epoch on the stopping part, and that epoch."""
    rows, truth = torch.from_numpy(data.table).double(), torch.from_numpy(data.target).double()
    training, stopping = parts["train"], parts["stopping"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = ShapeNetwork(ShapeSizes(settings.profile_count, len(settings.inputs) - settings.profile_count))
        network.fit_scales(rows[training], truth[training], settings.line)
        features = network.standardise(rows)
        target = (truth - network.target[0]) / network.target[1]
        sets = (features[training], target[training]), (features[stopping], target[stopping])
        return _descend(network, *sets, settings.epochs)


def _descend(
    network: ShapeNetwork, training: tuple[Tensor, Tensor], stopping: tuple[Tensor, Tensor], epochs: int
) -> tuple[ShapeNetwork, int]:
    optimiser = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY, foreach=True)
    size = max(32, ceil(len(training[0]) / _STEPS_AN_EPOCH))
    best, best_loss, best_epoch = _weights(network), float("inf"), 0
    for epoch in range(1, epochs + 1):
        for chosen in torch.split(torch.randperm(len(training[0])), size):
            optimiser.zero_grad()
            _loss(network, training[0][chosen], training[1][chosen], _NOISE).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        with torch.inference_mode():
            loss = float(_loss(network, *stopping, noise=0.0))
        if loss < best_loss:
            best, best_loss, best_epoch = _weights(network), loss, epoch
        elif epoch - best_epoch >= _PATIENCE:
            break
    network.load_state_dict(best)
    return network, best_epoch


def _weights(network: ShapeNetwork) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def _loss(network: ShapeNetwork, features: Tensor, target: Tensor, noise: float) -> Tensor:
    """Mean squared error of the value plus that of the reconstructed shape, both standardised."""
    reconstructed, value = network.heads(features + noise * torch.randn_like(features))
    shape = features[:, : network.sizes.profile]
    return nn.functional.mse_loss(value, target) + nn.functional.mse_loss(reconstructed, shape)
