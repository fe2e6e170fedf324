"""What decisions of a gate cost."""

from __future__ import annotations

from pydantic import Field

from inference.policy.costs import Correction, Costs
from monitor.plant.types import Name, Strict


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

    def costs(self) -> Costs:
        """As the policy takes them."""
        corrections = {name: Correction(one.cost, one.success) for name, one in self.corrections.items()}
        return Costs(self.escape, self.scrap, self.inspection, corrections)
