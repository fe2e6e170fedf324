"""Check gates: inputs, rework band, training."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from monitor.model import ReworkBand
from monitor.plant.types import Duration, Instant, Name, PositiveDuration, Strict
from monitor.plant.watching import RetrainingConfig


class Rework(Strict):
    """How far beyond each spec limit a part can still be corrected at this gate's step."""

    below: float = Field(0.0, ge=0, description="Below the lower limit, in the characteristic's unit.")
    above: float = Field(0.0, ge=0, description="Above the upper limit, in the characteristic's unit.")


class Training(Strict):
    """When and how the gate's first model is trained."""

    every: PositiveDuration = Field(
        timedelta(minutes=10), description="How often to look whether a model can be trained."
    )
    min_outcomes: int = Field(200, ge=40, description="Parts with an outcome needed before a model is trained.")
    takes: Duration = Field(timedelta(minutes=20), description="Simulated time that training takes under replay.")
    max_rows: int = Field(20000, ge=40, description="Newest parts used, at most.")
    epochs: int = Field(400, ge=1, description="Passes over the training rows.")
    seed: int = Field(1, ge=0, le=2**32 - 1, description="Seed of everything random in training.")


class GateConfig(Strict):
    """The check at a step: which model, on which inputs, against which characteristic."""

    step: str = Field(description="The step it checks.")
    characteristic: str = Field(description="The characteristic it predicts.")
    model: Name = Field(description="Registered model name.")
    profile: list[str] = Field(
        min_length=4, description="The measured profile, features of the gate's step or of earlier ones."
    )
    profile_kind: Literal["line", "vector"] = Field(
        "line",
        description="line: points of one line in one unit, whose offset and tilt are split off; vector: unlike values.",
    )
    covariates: list[str] = Field([], description="Further inputs, as step.feature or feature of the gate's step.")
    max_missing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the inputs that a part may lack; a model trained with it fills them by its medians.",
    )
    coverage: float = Field(0.9, gt=0.5, lt=1, description="Coverage of the prediction interval.")
    rework: Rework = Field(Rework(), description="How far outside the specification a part can be corrected.")
    since: Instant | None = Field(
        None, description="Parts that passed the step earlier are history: kept and learnt from, not decided on."
    )
    timeout: PositiveDuration = Field(timedelta(seconds=5), description="A batch that takes longer is held.")
    training: Training = Field(Training(), description="When and how its first model is trained.")
    retraining: RetrainingConfig = Field(RetrainingConfig(), description="When a challenger is trained and used.")

    def inputs(self) -> tuple[str, ...]:
        """Every input as step.feature, profile first."""
        return tuple(f if "." in f else f"{self.step}.{f}" for f in (*self.profile, *self.covariates))

    def rework_band(self) -> ReworkBand:
        """The rework band as a value."""
        return ReworkBand(self.rework.below, self.rework.above)
