"""One decision with what the plant file of then says about it: the input of every sentence about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from exporters.html.formatting import decimals, plain
from monitor.model import ClassSpec, JsonObject, ReworkBand, Spec, Verdict
from monitor.plant.gates import GateConfig
from monitor.plant.plant import Plant
from monitor.reports.part.adjustments import settings, settings_in_short, units_of
from monitor.store.rows.decisions import StoredDecision


@dataclass(frozen=True, slots=True)
class Facts:
    """A decision, and its gate and rule by the plant file with which it was made.

    `gate` and `rule` are None where that plant file is not known, or is not one that this version can read; `rule`
    also where no specification was in force. `missing` are the inputs without a value, as far as they are known.
    `units` are those of the features that are to be set otherwise, `currency` that of the costs, '' if it is not known.
    """

    row: StoredDecision
    gate: GateConfig | None = None
    rule: Spec | ClassSpec | None = None
    missing: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    currency: str = ""

    @property
    def spec(self) -> Spec | None:
        """The specification of a number."""
        return self.rule if isinstance(self.rule, Spec) else None

    @property
    def classes(self) -> ClassSpec | None:
        """What the classes mean, of a characteristic that has some."""
        return self.rule if isinstance(self.rule, ClassSpec) else None

    @property
    def band(self) -> ReworkBand:
        """The rework range of the gate."""
        return ReworkBand() if self.gate is None else self.gate.rework_band()

    @property
    def unit(self) -> str:
        """The unit of the characteristic; '' where it has none or is not known."""
        return self.spec.unit if self.spec else ""

    @property
    def interval(self) -> tuple[float, float, float] | None:
        """Value, lower and upper end of what decided: the forecast, where it took the place of the model."""
        row = self.row
        if row.reason == "forecast" and row.forecast is not None:
            return tuple(row.forecast[name] for name in ("value", "lower", "upper"))
        if row.predicted is None or row.lower is None or row.upper is None:
            return None
        return row.predicted, row.lower, row.upper

    @property
    def shares(self) -> Mapping[str, float | None]:
        """Of classes the probability of each, or its rate where the forecast decided; by place where they are others
        now."""
        found = self.row.probabilities
        if self.row.reason == "forecast" and self.row.forecast is not None:
            found = self.row.forecast.get("rates")
        if found is None:
            return {}
        known = self.classes.names if self.classes else ()
        names = known if len(known) == len(found) else [f"class {i + 1}" for i in range(len(found))]
        return dict(zip(names, found, strict=True))

    @property
    def correction(self) -> str:
        """The correction that is recommended, by name; '' where none is, or the gate has none by name."""
        if self.row.verdict != Verdict.CORRECT or not self.row.costs:
            return ""
        return next((str(one["correction"]) for one in self.row.costs if one["action"] == Verdict.CORRECT), "")

    @property
    def to_set(self) -> str:
        """What is to be set to what at later steps, beside what was planned; '' where nothing is."""
        return settings(self.row.adjustment, self.units) if self.row.adjustment else ""

    def action(self, one: JsonObject) -> str:
        """An action of the decision as people call it: what is to be set to what, its correction, or the verdict.

        The settings of an adjustment that is not recommended are not recorded.
        """
        name = str(one["correction"])
        if self.row.adjustment and self.row.verdict == one["action"] and name == self.correction:
            return f"set {settings_in_short(self.row.adjustment, self.units)}"
        known = () if self.gate is None else self.gate.adjustments
        if name and set(name.split(" + ")) <= set(known):
            return f"another setting of {name}"
        return name or str(one["action"])

    @property
    def expected_cost(self) -> float | None:
        """What the recommended action is expected to cost; None of a gate that decides without costs."""
        return next((one["cost"] for one in self.row.costs or () if one["action"] == self.row.verdict), None)

    @property
    def limits(self) -> dict[str, float]:
        """The borders of the regions from the lowest to the highest, each with what people call it."""
        if self.spec is None:
            return {}
        spec, band, found = self.spec, self.band, dict[str, float]()
        if spec.lower is not None:
            found |= {"the lower end of the rework range": spec.lower - band.below} if band.below else {}
            found["the lower limit"] = spec.lower
        if spec.upper is not None:
            found["the upper limit"] = spec.upper
            found |= {"the upper end of the rework range": spec.upper + band.above} if band.above else {}
        return found

    def number(self, value: float) -> str:
        """A number of the characteristic, as exact as its interval is wide."""
        if self.interval is None:
            return plain(value, 6)
        _, lower, upper = self.interval
        return plain(value, decimals(lower, upper, self.limits.values()))


def gate_of(plant: Plant | None, gate: str, characteristic: str) -> GateConfig | None:
    """A gate by its plant file; None where it is not in it, or predicts something else there."""
    found = None if plant is None else plant.gates.get(gate)
    return found if found is not None and found.characteristic == characteristic else None


def rule_of(plant: Plant | None, gate: str, characteristic: str, at: datetime) -> Spec | ClassSpec | None:
    """By what a gate decided on a part of an instant, by its plant file; None where that is not known."""
    found = gate_of(plant, gate, characteristic)
    return None if plant is None or found is None else plant.rules_of(found)(at)


def facts_of(row: StoredDecision, plant: Plant | None, missing: tuple[str, ...] = ()) -> Facts:
    """The facts of a decision by its plant file."""
    named = row.gate, row.characteristic
    return Facts(row, gate_of(plant, *named), rule_of(plant, *named, row.at), missing, units_of(row, plant),
                 "" if plant is None else plant.currency)  # fmt: skip
