"""What decisions of a gate cost, what a scrap needs beside the least cost, and which parts are audited."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Le
from pydantic import Field, field_validator

from inference.policy.costs import Correction, Costs
from monitor.plant.messages import unknown_name
from monitor.plant.types import Name, Strict

AUDITED = ("scrap", "continue")
"""The recommendations of which a share can be audited: people look at a part that is held or corrected anyway."""


class CorrectionConfig(Strict):
    """A corrective action at the gate's step."""

    cost: float = Field(ge=0, description="Of one try.")
    success: float = Field(
        0.9, gt=0, le=1, description="Share of reworkable parts that are within specification afterwards."
    )


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

    def costs(self) -> Costs:
        """As the policy takes them."""
        corrections = {name: Correction(one.cost, one.success) for name, one in self.corrections.items()}
        return Costs(self.escape, self.scrap, self.inspection, corrections)
