"""The kind `shape`: what it learns, how it is calibrated, what its packages hold.

Training stops early on parts of its own, and split-conformal calibration gives the interval its width. The network
itself stands in `inference.models.shape_network`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
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
"""Share of healthy parts whose reconstruction error shall lie below the limit."""
_STEPS_AN_EPOCH = 6  # batches grow with the rows, so that an epoch takes about the same time
_LEARNING_RATE = 4e-3
_WEIGHT_DECAY = 1.0  # strong, because a few hundred parts are few
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
    """What stands in the place of missing inputs, as `inference.models.gaps.Gaps`."""

    most: float = Field(ge=0, lt=1)
    fill: tuple[float, ...]
    ignored: tuple[bool, ...]


class Entries(_Value):
    """What the manifest of a shape model holds of its own."""

    sizes: SizesEntry
    calibration: CalibrationEntry
    gaps: GapsEntry | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns a network's numbers into predictions, from rows it was not trained on.

    `half_width` is half the conformal interval at `coverage`, in the characteristic's unit; `distance_limit` is in
    standard deviations; `skill` is 1 - error / error of the naive baseline.
    """

    coverage: float
    half_width: float
    distance_limit: float
    skill: float


class ShapeModel:
    """A network with its calibration: the `GateModel` of a measured profile.

    The distance of a prediction is the reconstruction error, where offset, tilt and covariates lie within their
    widened training ranges; where one lies outside, it is at least (2 + excess) times the limit, so that leaving
    a range is always out of distribution.
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
        """Those of the inputs that it looks at."""
        return self._needed

    @property
    def max_missing(self) -> float:
        """Share of the needed inputs that it fills; 0 where it fills none."""
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
        """A prediction a row of (rows, inputs); ValueError for other columns. Splitting rows changes no bit."""
        whole = rows if self.gaps is None else self.gaps.filled(rows)
        value, error, excess = run_padded(self.network, whole).T
        limit = self.calibration.distance_limit
        distance = np.where(excess > 0, np.maximum(error, limit * (2 + excess)), error)
        lower, upper = value - self.calibration.half_width, value + self.calibration.half_width
        numbers = np.stack([value, lower, upper, distance], axis=1).tolist()
        return [Prediction(at, low, high, far, limit) for at, low, high, far in numbers]


class ShapeKind:
    """The shape model as a kind of gate model."""

    def warm_up(self) -> None:
        """Torch imports its compiler with the first optimiser."""
        torch.optim.AdamW([torch.zeros(1, requires_grad=True)])

    def train(self, data: TrainingData, settings: TrainingSettings) -> tuple[Contents, TrainingMetrics]:
        """Fit the network, calibrate its interval and its distance, and measure it.

        Where inputs may be missing, the training part says what is filled, and rows that lack more are left out.
        """
        gaps = None
        if settings.max_missing:
            gaps = learn_gaps(data.rows[split(data.serials)["train"]], settings.max_missing)
            kept = data.at(gaps.acceptable(data.rows))
            data = TrainingData(gaps.filled(kept.rows), kept.target, kept.serials)
        parts = split(data.serials)
        check_sizes(parts, settings.coverage)
        with single_thread():
            network, epochs = _fit(data, parts, settings)
            value, error, _ = run_padded(network, data.rows).T
        held = parts["calibration"]
        half_width = conformal_quantile(np.abs(data.target - value)[held], settings.coverage)
        limit = max(capped_quantile(error[held], DISTANCE_COVERAGE), 1e-6)
        metrics = measure(data.target, value, half_width, parts, epochs)
        calibration = Calibration(settings.coverage, half_width, limit, metrics.skill)
        return _contents(network, calibration, gaps), metrics

    def load(self, inputs: tuple[str, ...], contents: Contents, digest: str) -> ShapeModel:
        """The model of a package, once its entries and tensors were found to fit together."""
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
    wanted = {name: (tuple(tensor.shape), np.dtype(np.float64)) for name, tensor in network.state_dict().items()}
    there = {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
    if wanted != there:
        wrong = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
        raise ValueError(f"has weights that do not fit its architecture ({', '.join(wrong[:3])})")
    network.load_state_dict({name: torch.tensor(tensor) for name, tensor in tensors.items()})
    return network


@contextmanager
def single_thread() -> Iterator[None]:
    """Run torch on one thread: sums in one order, whatever the machine's cores; small networks are no slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _fit(data: TrainingData, parts: Mapping[str, Rows], settings: TrainingSettings) -> tuple[ShapeNetwork, int]:
    """The network at its best epoch on the stopping part, and that epoch."""
    everything, truth = torch.from_numpy(data.rows).double(), torch.from_numpy(data.target).double()
    training, stopping = parts["train"], parts["stopping"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = ShapeNetwork(ShapeSizes(settings.profile_count, len(settings.inputs) - settings.profile_count))
        network.fit_scales(everything[training], truth[training], settings.line)
        features = network.standardise(everything)
        wanted = (truth - network.target[0]) / network.target[1]
        known = (features[training], wanted[training]), (features[stopping], wanted[stopping])
        return _descend(network, *known, settings.epochs)


def _descend(
    network: ShapeNetwork, training: tuple[Tensor, Tensor], stopping: tuple[Tensor, Tensor], epochs: int
) -> tuple[ShapeNetwork, int]:
    optimiser = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    size = max(32, ceil(len(training[0]) / _STEPS_AN_EPOCH))
    best, best_loss, best_epoch = deepcopy(network), float("inf"), 0
    for epoch in range(1, epochs + 1):
        for chosen in torch.split(torch.randperm(len(training[0])), size):
            optimiser.zero_grad()
            _loss(network, training[0][chosen], training[1][chosen], _NOISE).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        with torch.inference_mode():
            loss = float(_loss(network, *stopping, noise=0.0))
        if loss < best_loss:
            best, best_loss, best_epoch = deepcopy(network), loss, epoch
        elif epoch - best_epoch >= _PATIENCE:
            break
    return best, best_epoch


def _loss(network: ShapeNetwork, features: Tensor, wanted: Tensor, noise: float) -> Tensor:
    """Error of the value plus error of the shape given back, both in standard deviations."""
    given_back, value = network.heads(features + noise * torch.randn_like(features))
    shape = features[:, : network.sizes.profile]
    return nn.functional.mse_loss(value, wanted) + nn.functional.mse_loss(given_back, shape)
