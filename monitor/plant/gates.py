"""Gates: inputs, rework range, training."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from inference.kinds import KINDS, OF_CLASSES, PICTURE_KINDS
from inference.policy.costs import Costs
from monitor.model import ReworkBand
from monitor.plant.costs import AdjustmentConfig, CostsConfig
from monitor.plant.messages import Meaning, join_names
from monitor.plant.types import Duration, Instant, ModelName, PositiveDuration, Strict, Text
from monitor.plant.watching import RetrainingConfig
from monitor.ports import PICTURE_INPUTS


def _kind(value: str) -> str:
    if value not in KINDS:
        raise ValueError(f"expected one of {join_names(sorted(KINDS))}")
    return value


def kinds_for(classes: bool) -> tuple[str, ...]:
    """The kinds of model that predict classes, or those that predict numbers."""
    return tuple(sorted(kind for kind in KINDS if (kind in OF_CLASSES) == classes))


Kind = Annotated[
    str,
    AfterValidator(_kind),
    Meaning(f"one of {join_names(sorted(KINDS))}"),
    Field(json_schema_extra={"enum": sorted(KINDS)}),
]


class Rework(Strict):
    """How far outside the specification limits a part can still be corrected at this gate's step."""

    below: float = Field(0.0, ge=0, description="Below the lower limit, in the characteristic's unit.")
    above: float = Field(0.0, ge=0, description="Above the upper limit, in the characteristic's unit.")


class Training(Strict):
    """When and how the gate's first model is trained."""

    every: PositiveDuration = Field(
        timedelta(minutes=10), description="How often to check whether a model can be trained."
    )
    min_outcomes: int = Field(200, ge=40, description="Parts with an outcome needed before a model is trained.")
    takes: Duration = Field(timedelta(minutes=20), description="Simulated time that training takes under replay.")
    max_rows: int = Field(20000, ge=40, description="Maximum number of newest parts used.")
    epochs: int = Field(400, ge=1, description="Passes over the training rows.")
    seed: int = Field(1, ge=0, le=2**32 - 1, description="Random seed of training.")


class PictureInput(NamedTuple):
    """The picture that a gate judges: the step, and the value of its part step that holds an image."""

    step: str
    name: str


class CategoryInput(NamedTuple):
    """A text of a passage that is an input: the step, which text, and the name of the input."""

    step: str
    what: str
    input: str


class EarlierGate(NamedTuple):
    """A gate whose predictions are an input of another one: its name, its step, and the name of the input."""

    gate: str
    step: str
    input: str


CATEGORIES = ("machine", "recipe", "lot")
"""The texts of a passage that can be inputs of a gate."""


def category_input(step: str, what: str) -> str:
    """The name of a passage's machine, recipe or lot as an input, which no feature has.

    >>> category_input("forging", "recipe")
    'category.forging.recipe'
    """
    return f"category.{step}.{what}"


def prediction_input(gate: str) -> str:
    """The name of a gate's prediction as an input. No feature has it: a feature is a step and a name without dots.

    >>> prediction_input("forging")
    'gate.forging.predicted'
    """
    return f"gate.{gate}.predicted"


@lru_cache(maxsize=256)
def _whole_names(step: str, features: tuple[str, ...]) -> tuple[str, ...]:
    """Features with their step; one that names none is of this step. Asked for with every part."""
    return tuple(name if "." in name else f"{step}.{name}" for name in features)


class GateConfig(Strict):
    """The check at a step: which model, from which inputs, predicts which characteristic."""

    step: str = Field(description="The step it checks.")
    characteristic: str = Field(description="The characteristic it predicts.")
    model: ModelName = Field(
        description="Name of the registered model; in Unity Catalog of three levels, catalog.schema.model."
    )
    kind: Kind = Field("shape", description="The kind of model that is trained for it.")
    profile: list[str] = Field(
        [],
        description="The measured profile: features of the gate's step or of earlier steps; kind shape needs at least "
        "4, image none, the others take it as further inputs.",
    )
    profile_kind: Literal["line", "vector"] = Field(
        "line",
        description="line: points along a line in one unit, with offset and tilt separated; vector: unlike values.",
    )
    covariates: list[str] = Field(
        [], description="Further inputs, as step.feature, or as feature for the gate's own step."
    )
    categories: list[str] = Field(
        [],
        description="machine, recipe or lot as further inputs, as step.machine, or as machine for the gate's own step. "
        "One that no training part had is out of distribution to the model.",
    )
    predictions: list[str] = Field(
        [],
        description="Gates of other steps, by name: what they predicted of the same part are further inputs, missing "
        "where they predicted nothing. Of a gate of classes that is the probability that the part does not go on.",
    )
    image: Text | None = Field(
        None,
        description="Of kind image, in place of profile and covariates: the picture it judges, as step.value, or as "
        "value for the gate's own step; a value of part steps that has `image`.",
    )
    max_missing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of inputs that may be missing; the model fills them with medians of its training parts.",
    )
    coverage: float = Field(
        0.9,
        gt=0.5,
        lt=1,
        description="Nominal coverage of the prediction interval; of classes, the probability of one meaning from "
        "which the gate decides by it.",
    )
    rework: Rework = Field(Rework(), description="How far outside the specification a part can be corrected.")
    costs: CostsConfig | None = Field(
        None,
        description="What decisions cost. With it the gate recommends what costs least; without, what the whole "
        "interval says.",
    )
    adjustments: dict[str, AdjustmentConfig] = Field(
        {},
        description="Variables of later steps, as step.feature, that the gate may recommend to set otherwise than "
        "planned; further inputs of its model. Only with `costs`, and for kinds that predict a number.",
    )
    forecast: bool = Field(
        True,
        description="Whether a gate without a model to decide by may decide by a forecast from the newest outcomes: "
        "continue or correct, never scrap.",
    )
    since: Instant | None = Field(
        None, description="Parts that passed the step earlier are used for training but not decided on."
    )
    timeout: PositiveDuration = Field(
        timedelta(seconds=5),
        description="If a batch takes longer, its parts are held. Pictures are judged in batches of at most 16.",
    )
    training: Training = Field(Training(), description="When and how the first model is trained.")
    retraining: RetrainingConfig = Field(
        RetrainingConfig(), description="When a challenger is trained and put in force."
    )

    _earlier: tuple[EarlierGate, ...] = PrivateAttr(())

    @model_validator(mode="after")
    def _inputs_of_its_kind(self) -> GateConfig:
        if self.kind in PICTURE_KINDS:
            if self.image is None:
                raise ValueError(f"a gate of kind {self.kind} judges a picture: expected image")
            if self.profile or self.covariates or self.categories or self.predictions or self.max_missing:
                raise ValueError(
                    f"a gate of kind {self.kind} judges a picture alone: expected image without profile, covariates, "
                    "categories, predictions and max_missing"
                )
        elif self.image is not None:
            raise ValueError(f"image is for kind {join_names(sorted(PICTURE_KINDS))}; kind {self.kind} takes numbers")
        return self

    @property
    def of_classes(self) -> bool:
        """Whether its kind of model predicts a class."""
        return self.kind in OF_CLASSES

    def inputs(self) -> tuple[str, ...]:
        """The inputs of its model: features, categories, earlier predictions, what is planned of later steps.

        Of a picture `PICTURE_INPUTS`.
        """
        if self.image is not None:
            return PICTURE_INPUTS
        categories = (category.input for category in self.category_inputs())
        return (*self.features(), *categories, *map(prediction_input, self.predictions), *self.adjustments)

    def planned(self) -> dict[str, float]:
        """The planned values of the variables of later steps that may be adjusted, as step.feature."""
        return {name: one.plan for name, one in self.adjustments.items()}

    def features(self) -> tuple[str, ...]:
        """Every input that is a feature, as step.feature, profile first."""
        return _whole_names(self.step, (*self.profile, *self.covariates))

    def category_inputs(self) -> tuple[CategoryInput, ...]:
        """Every input that is a machine, recipe or lot."""
        pairs = [text.rpartition(".")[::2] for text in self.categories]
        return tuple(
            CategoryInput(step or self.step, what, category_input(step or self.step, what)) for step, what in pairs
        )

    @property
    def earlier(self) -> tuple[EarlierGate, ...]:
        """The gates whose predictions it uses; known once the gate is one of a plant."""
        return self._earlier

    def find_earlier(self, gates: Mapping[str, GateConfig]) -> None:
        """Find the gates whose predictions it uses among those of its plant."""
        self._earlier = tuple(
            EarlierGate(name, gates[name].step, prediction_input(name)) for name in self.predictions if name in gates
        )

    @property
    def picture(self) -> PictureInput | None:
        """The picture that it judges; None if it takes numbers."""
        if self.image is None:
            return None
        step, dot, name = self.image.rpartition(".")
        return PictureInput(step if dot else self.step, name)

    def input_steps(self) -> frozenset[str]:
        """The steps that its inputs come from."""
        steps = {feature.partition(".")[0] for feature in self.features()}
        steps |= {gate.step for gate in self.earlier} | {category.step for category in self.category_inputs()}
        return frozenset(steps if self.picture is None else {self.picture.step})

    def priced(self) -> Costs | None:
        """What its decisions cost; None if it decides without costs."""
        return None if self.costs is None else self.costs.costs(self.adjustments)

    def rework_band(self) -> ReworkBand:
        """The rework range, in the unit of the characteristic."""
        return ReworkBand(self.rework.below, self.rework.above)


def root_inputs(gates: Mapping[str, GateConfig], name: str) -> frozenset[str]:
    """Everything that a gate's prediction rests on, also through the gates whose predictions it uses.

    A lot counts as the same input at whatever step it was recorded.
    """
    gate = gates[name]
    own = {*gate.features(), *map(prediction_input, gate.predictions)}
    own |= {"lot" if category.what == "lot" else category.input for category in gate.category_inputs()}
    if gate.picture is not None:
        own.add(f"{gate.picture.step}.{gate.picture.name}")
    return frozenset(own).union(*(root_inputs(gates, other.gate) for other in gate.earlier))


def ranks(gates: Mapping[str, GateConfig]) -> dict[str, int]:
    """By gate how many gates lie before it, by the longest way: a gate is decided after those whose predictions it
    uses. The gates of a plant, of which none uses its own prediction."""
    known: dict[str, int] = {}

    def rank(name: str) -> int:
        if name not in known:
            known[name] = 1 + max((rank(other.gate) for other in gates[name].earlier), default=-1)
        return known[name]

    return {name: rank(name) for name in gates}


def circle(gates: Mapping[str, GateConfig], start: str) -> list[str]:
    """The gates from `start` over those whose predictions each uses back to `start`; empty if no way leads back."""
    ways, seen = [[start]], set[str]()
    while ways:
        way = ways.pop()
        for other in (other.gate for other in gates[way[-1]].earlier):
            if other == start:
                return [*way, start]
            if other not in seen:
                seen.add(other)
                ways.append([*way, other])
    return []
