"""Models of plants: a machine, recipe or lot reaches them as the code of its text and becomes one of their levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inference.models.categories import to_levels
from monitor.model import Floats, Prediction
from monitor.ports import ClassModel, GateModel


def takes_codes(model: GateModel, categories: Mapping[str, Sequence[str]]) -> GateModel:
    """The model, given codes where it was trained with the levels of these inputs."""
    if not categories:
        return model
    return _CodedClasses(model, categories) if isinstance(model, ClassModel) else _Coded(model, categories)


@dataclass(frozen=True, slots=True)
class _Coded:
    model: GateModel
    categories: Mapping[str, Sequence[str]]

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.model.inputs

    @property
    def needed(self) -> tuple[str, ...]:
        return self.model.needed

    @property
    def max_missing(self) -> float:
        return self.model.max_missing

    @property
    def digest(self) -> str:
        return self.model.digest

    @property
    def skill(self) -> float:
        return self.model.skill

    @property
    def coverage(self) -> float:
        return self.model.coverage

    def predict(self, rows: Floats) -> Sequence[Prediction]:
        return self.model.predict(to_levels(rows, self.inputs, self.categories))


@dataclass(frozen=True, slots=True)
class _CodedClasses(_Coded):
    model: ClassModel

    @property
    def classes(self) -> tuple[str, ...]:
        return self.model.classes
