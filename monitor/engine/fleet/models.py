"""One model for many plants against one each: trained as gates train, compared on lots that neither has seen. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inference.models.kind import TrainingData, TrainingSettings
from inference.training import train
from monitor.errors import ModelError
from monitor.model import Floats
from monitor.plant.gates import GateConfig
from monitor.ports import GateModel

HELD_OUT = 0.25
"""The share of a plant's lots, the newest ones, on which models are compared."""
_LEAST_LOTS = 3
"""Lots held out, below which the differences between them say nothing."""
_SURE = 2.0
"""Standard errors beyond which a mean difference over lots counts."""


class ModelsCompared(NamedTuple):
    """A gate at a plant: mean absolute errors on its held-out parts, in the unit of the characteristic.

    `own`: of the model of this plant's training parts alone, None where these are too few. `shared`: of that of all
    plants' together. `naive`: of the median of the plant's training parts. `better`: own, shared, or '' where the
    difference over lots is within two standard errors, or there are too few.
    """

    site: str
    gate: str
    trained: int
    held_out: int
    lots: int
    own: float | None
    shared: float
    naive: float
    better: str


class GateParts(NamedTuple):
    """A gate's training parts at one plant in order of time: inputs (parts, inputs), outcomes (parts,), lots."""

    rows: Floats
    target: Floats
    serials: Sequence[str]
    lots: Sequence[str]

    def at(self, chosen: NDArray[np.bool_]) -> GateParts:
        """The chosen parts."""
        places = np.flatnonzero(chosen).tolist()
        serials, lots = ([names[i] for i in places] for names in (self.serials, self.lots))
        return GateParts(self.rows[chosen], self.target[chosen], serials, lots)


def why_not(gate: GateConfig) -> str | None:
    """Why the models of a gate are not compared; None if they are."""
    if gate.picture is not None or gate.of_classes:
        return "it predicts no number"
    if gate.category_inputs():
        return "machines, recipes or lots are among its inputs"
    return "settings of later steps are among its inputs" if gate.adjustments else None


def compare_models(name: str, gate: GateConfig, sites: Mapping[str, GateParts]) -> list[ModelsCompared]:
    """The comparison at every plant with parts to train on and to hold out. ModelError where all are too few to train.

    Serials of different plants may be the same; they are told apart by the plant's name.
    """
    split = {site: _split(parts) for site, parts in sorted(sites.items()) if len(set(parts.lots)) > 1}
    if not split:
        return []
    shared = _train(gate, _pooled({site: known for site, (known, _) in split.items()}))
    return [_compared(name, site, gate, known, new, shared) for site, (known, new) in split.items()]


def _compared(
    name: str, site: str, gate: GateConfig, known: GateParts, new: GateParts, shared: GateModel
) -> ModelsCompared:
    by_all = _errors(shared, new)
    try:
        own = _errors(_train(gate, known), new)
    except ModelError:  # too few parts
        own = None
    naive = np.abs(new.target - np.median(known.target))
    return ModelsCompared(
        site, name, len(known.serials), len(new.serials), len(set(new.lots)),
        None if own is None else float(own.mean()), float(by_all.mean()), float(naive.mean()),
        "" if own is None else _better(own - by_all, new.lots),
    )  # fmt: skip


def _better(own_less_shared: Floats, lots: Sequence[str]) -> str:
    """Which errors are smaller: the parts of a lot are alike, so that each lot counts as one."""
    names = np.asarray(lots)
    means = np.array([own_less_shared[names == lot].mean() for lot in dict.fromkeys(lots)])
    if len(means) < _LEAST_LOTS:
        return ""
    mean, error = float(means.mean()), float(means.std(ddof=1)) / sqrt(len(means))
    if abs(mean) <= _SURE * error:
        return ""
    return "shared" if mean > 0 else "own"


def _split(parts: GateParts) -> tuple[GateParts, GateParts]:
    """The parts to train on, and those of the newest lots; a lot is never on both sides."""
    lots = list(dict.fromkeys(parts.lots))
    newest = set(lots[-max(1, round(HELD_OUT * len(lots))) :])
    new = np.array([lot in newest for lot in parts.lots], dtype=np.bool_)
    return parts.at(~new), parts.at(new)


def _pooled(sites: Mapping[str, GateParts]) -> GateParts:
    return GateParts(
        np.concatenate([parts.rows for parts in sites.values()]),
        np.concatenate([parts.target for parts in sites.values()]),
        [f"{site}/{serial}" for site, parts in sites.items() for serial in parts.serials],
        [f"{site}/{lot}" for site, parts in sites.items() for lot in parts.lots],
    )


def _train(gate: GateConfig, parts: GateParts) -> GateModel:
    settings = TrainingSettings(
        gate.inputs(), len(gate.profile), gate.coverage, gate.training.epochs, gate.training.seed, gate.max_missing,
        gate.profile_kind == "line",
    )  # fmt: skip
    data = TrainingData(parts.rows, parts.target, parts.serials, parts.lots)
    return train(data, settings, gate.kind).model()


def _errors(model: GateModel, parts: GateParts) -> Floats:
    return np.abs(np.array([said.value for said in model.predict(parts.rows)]) - parts.target)
