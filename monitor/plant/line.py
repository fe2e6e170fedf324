"""Steps, machines with their sensors, and characteristics with their specifications."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field, field_validator, model_validator

from monitor.model import Spec
from monitor.plant.types import Instant, Name, OnHold, PositiveDuration, Strict


class Sensor(Strict):
    """A machine variable with its operating limits."""

    unit: str = Field("", description="Unit of the readings and the limits.")
    low: float | None = Field(None, description="Lower operating limit.")
    high: float | None = Field(None, description="Upper operating limit.")
    max_age: PositiveDuration | None = Field(
        None, description="How long its last value is held at the instants of other sensors; see the readings source."
    )
    on_change: bool | None = Field(
        None, description="Whether its source stores it only when it changes; by default as its source says."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Sensor:
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("expected low below high")
        return self


class Machine(Strict):
    """A work unit at a step."""

    step: str = Field(description="The step it works at.")
    sensors: dict[Name, Sensor] = Field({}, description="Its sensors by name.")
    speaks_when: Literal["running", "always"] = Field(
        "running",
        description="running: its sensors owe no values while a machine_states source says that it is idle, in setup "
        "or down; always: they owe them at any time. Without a reported state it owes them.",
    )


class Step(Strict):
    """An operation of a line."""

    line: Name = Field(description="The line it belongs to.")
    on_hold: OnHold = Field("plant_procedure", description="What the plant does with a part when the gate holds.")
    max_age: PositiveDuration = Field(
        timedelta(days=90),
        description="How old a part's passage through the step may be when a gate uses it; an older one is missing.",
    )


class SpecEntry(Strict):
    """A specification, valid from an instant until the next entry."""

    since: Instant = Field(description="Start of validity.")
    lower: float | None = Field(None, description="Lower specification limit, inclusive.")
    target: float | None = Field(None, description="Target value.")
    upper: float | None = Field(None, description="Upper specification limit, inclusive.")

    @model_validator(mode="after")
    def _ordered(self) -> SpecEntry:
        if self.lower is None and self.upper is None:
            raise ValueError("expected lower, upper or both")
        values = [v for v in (self.lower, self.target, self.upper) if v is not None]
        if values != sorted(values) or len(set(values)) != len(values):
            raise ValueError("expected lower < target < upper")
        return self


class Characteristic(Strict):
    """A measured property of the product, with its specifications over time."""

    unit: str = Field("", description="Unit of the value and its limits.")
    specs: list[SpecEntry] = Field(min_length=1, description="Specifications by start of validity.")

    @field_validator("specs")
    @classmethod
    def _distinct_starts(cls, specs: list[SpecEntry]) -> list[SpecEntry]:
        instants = [spec.since for spec in specs]
        duplicates = sorted({at for at in instants if instants.count(at) > 1})
        if duplicates:
            raise ValueError(f"two entries have since {duplicates[0].isoformat()!r}")
        return specs

    def spec_at(self, at: datetime) -> Spec | None:
        """The specification in force at `at`; None before the first."""
        started = [s for s in self.specs if s.since <= at]
        if not started:
            return None
        last = max(started, key=lambda s: s.since)
        return Spec(last.lower, last.upper, last.target, self.unit)
