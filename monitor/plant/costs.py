"""What decisions of a gate cost, what a scrap needs beside the least cost, and which parts are audited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from annotated_types import Ge, Le
from pydantic import Field, field_validator, model_validator

from inference.policy.costs import Adjustable, Correction, Costs
from monitor.plant.messages import unknown_name
from monitor.plant.types import Name, Strict

AUDITED = ("scrap", "continue")
"""The recommendations of which a share can be audited: people look at a part that is held or corrected anyway."""
MOST_SETTINGS = 100
"""Settings that a variable of a later step can have: the model is asked about each."""


class CorrectionConfig(Strict):
    """A corrective action at the gate's step."""

    cost: float = Field(ge=0, description="Of one try.")
    success: float = Field(
        0.9, gt=0, le=1, description="Share of reworkable parts that are within specification afterwards."
    )


class AdjustmentConfig(Strict):
    """A variable of a later step that people can set for a single part; numbers in the variable's own unit."""

    plan: float = Field(description="What it is set to unless something else is recommended.")
    low: float = Field(description="The lowest setting that may be recommended, inclusive.")
    high: float = Field(description="The highest setting that may be recommended, inclusive.")
    step: float = Field(
        gt=0, description="How finely people can set it: a recommended setting is whole steps away from the plan."
    )
    cost: float = Field(ge=0, description="Of setting it otherwise than planned for one part.")

    @model_validator(mode="after")
    def _can_be_moved(self) -> AdjustmentConfig:
        if not self.low <= self.plan <= self.high:
            raise ValueError(f"expected low <= plan <= high, found {self.low:g}, {self.plan:g}, {self.high:g}")
        if (self.high - self.low) / self.step > MOST_SETTINGS:
            raise ValueError(
                f"there are more than {MOST_SETTINGS} steps of {self.step:g} from low to high; expected a larger step"
            )
        if not self.adjustable("").settings():
            raise ValueError(f"no whole step of {self.step:g} from the plan lies within low and high")
        return self

    def adjustable(self, name: str) -> Adjustable:
        """As the policy takes it."""
        return Adjustable(name, self.plan, self.low, self.high, self.step, self.cost)


class CostsConfig(Strict):
    """What follows a decision costs, all in one currency; with it a gate recommends what costs least."""

    escape: float = Field(30000, ge=0, description="Of a part that goes on and fails later.")
    scrap: float = Field(ge=0, description="Of a part that is scrapped at this step: its material and work so far.")
    inspection: float = Field(ge=0, description="Of people who look at a part that is held.")
    corrections: dict[Name, CorrectionConfig] = Field({}, description="Corrective actions by name.")
    confirm_scrap: bool = Field(
        True,
        description="Whether a scrap needs a second signal: another gate with other inputs, an earlier visit that was "
        "measured anew, or an outcome. Without one the part is held with scrap_unconfirmed. With false the gate scraps "
        "on its own, so that one faulty sensor can scrap good parts.",
    )
    surge: float = Field(
        0.1,
        gt=0,
        le=1,
        description="Share of scraps that is usual. Where the newest 50 decisions have significantly more, parts are "
        "held with scrap_surge; 1 turns this off.",
    )
    audit: dict[str, Annotated[float, Ge(0), Le(1)]] = Field(
        {},
        description="By recommendation the share of parts that are inspected all the same, chosen by a hash of the "
        "serial number: {scrap: 0.05, continue: 0.02}.",
    )

    @field_validator("audit")
    @classmethod
    def _recommendations(cls, audit: dict[str, float]) -> dict[str, float]:
        unknown = [unknown_name("recommendation", name, AUDITED) for name in audit if name not in AUDITED]
        if unknown:
            raise ValueError("; ".join(unknown))
        return audit

    def audited_share(self, verdict: str) -> float:
        """The share of the parts with this recommendation that are inspected all the same."""
        return self.audit.get(verdict, 0.0)

    def costs(self, adjustments: Mapping[str, AdjustmentConfig]) -> Costs:
        """As the policy takes them, with what may be set otherwise at later steps."""
        adjustables = tuple(one.adjustable(name) for name, one in adjustments.items())
        corrections = {name: Correction(one.cost, one.success) for name, one in self.corrections.items()}
        return Costs(self.escape, self.scrap, self.inspection, corrections, adjustables)
