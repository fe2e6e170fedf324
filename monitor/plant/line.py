"""Steps, machines with their sensors, and characteristics: numbers with specifications, pass or fail, classes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field, field_validator, model_validator

from monitor.model import ClassSpec, Spec, Verdict
from monitor.plant.types import Instant, Name, OnHold, PositiveDuration, Strict

PASSED, FAILED = "passed", "failed"
"""The classes of a part that passes or fails, in the order of their numbers."""


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
    events: bool = Field(
        False,
        description="Look for events of this sensor by itself, as of a metric without a fixed normal: values, means "
        "and variation beyond everything it has shown before.",
    )
    stuck: bool = Field(
        True,
        description="Whether it is looked at for repeating one value; false for one that may: a setpoint, a counter, "
        "a coarse display.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Sensor:
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("expected low below high")
        return self


class GoodPeriod(Strict):
    """A time in which a machine is known to have been well."""

    since: Instant = Field(description="Start of the period.")
    until: Instant = Field(description="End of the period.")

    @model_validator(mode="after")
    def _ordered(self) -> GoodPeriod:
        if self.until <= self.since:
            raise ValueError("expected until after since")
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
    like: Name | None = Field(
        None,
        description="A machine of the same type: until this one has a baseline of its own, it is compared with that "
        "one's. Both have the same sensors and sources.",
    )
    reference: GoodPeriod | None = Field(
        None,
        description="The good period from which its baseline is learnt, and from no other samples; without it from the "
        "first samples that come.",
    )


class Step(Strict):
    """An operation of a line."""

    line: Name = Field(description="The line it belongs to.")
    on_hold: OnHold = Field("plant_procedure", description="What the plant does with a part when the gate holds.")
    decide_by: PositiveDuration | None = Field(
        None, description="How long after a hold people have to decide on the part; later it counts as overdue."
    )
    max_age: PositiveDuration = Field(
        timedelta(days=90),
        description="How old a part's passage through the step may be when a gate uses it; an older one is missing.",
    )
    value: float | None = Field(
        None,
        ge=0,
        description="Material and work in a part that has passed the step, in the currency of the gates' costs. It "
        "says what an earlier gate would save; without it that of the step before counts.",
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


class ClassEntry(Strict):
    """A class that a part can be found to be of: no defect, or one kind of defect."""

    value: int = Field(
        ge=0, le=1_000_000, description="Its number in outcomes; a source's codes turn texts into numbers."
    )
    means: Literal["continue", "correct", "scrap"] = Field(description="The right recommendation for such a part.")


class Characteristic(Strict):
    """A property of the product that is measured or judged: a number with specifications, pass or fail, or a class."""

    unit: str = Field("", description="Unit of the value and its limits, of a number.")
    specs: list[SpecEntry] = Field([], description="Of a number: specifications by start of validity.")
    pass_fail: Literal["correct", "scrap"] | None = Field(
        None,
        description="Of a part that passes or fails, in outcomes 0 or 1: the right recommendation for one that fails.",
    )
    classes: dict[Name, ClassEntry] = Field(
        {}, description="Of a part that is of one of several classes: these by name, at least 2."
    )

    @model_validator(mode="after")
    def _of_one_kind(self) -> Characteristic:
        given = [name for name in ("specs", "pass_fail", "classes") if getattr(self, name)]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            raise ValueError(f"expected exactly one of specs, pass_fail and classes, found {found}")
        if self.unit and not self.specs:
            raise ValueError("unit is for a number with specs; pass or fail and classes have none")
        return self

    @field_validator("classes")
    @classmethod
    def _distinct_classes(cls, classes: dict[str, ClassEntry]) -> dict[str, ClassEntry]:
        values = [entry.value for entry in classes.values()]
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise ValueError(f"two classes have value {twice[0]}")
        if len(classes) == 1:
            raise ValueError("expected at least 2 classes")
        if classes and not any(entry.means == "continue" for entry in classes.values()):
            raise ValueError("no class means continue")
        return classes

    @field_validator("specs")
    @classmethod
    def _distinct_starts(cls, specs: list[SpecEntry]) -> list[SpecEntry]:
        instants = [spec.since for spec in specs]
        duplicates = sorted({at for at in instants if instants.count(at) > 1})
        if duplicates:
            raise ValueError(f"two entries have since {duplicates[0].isoformat()!r}")
        return specs

    @property
    def class_values(self) -> tuple[int, ...]:
        """The numbers of its classes in outcomes, ascending; none of a number."""
        return tuple(sorted(entry.value for entry in self._classes().values()))

    def class_spec(self, certainty: float) -> ClassSpec | None:
        """What its classes mean to a gate of that certainty; None for a number."""
        entries = sorted(self._classes().items(), key=lambda item: item[1].value)
        if not entries:
            return None
        values = tuple(entry.value for _, entry in entries)
        meanings = tuple(Verdict(entry.means) for _, entry in entries)
        return ClassSpec(tuple(name for name, _ in entries), values, meanings, certainty)

    def rule_at(self, at: datetime, certainty: float) -> Spec | ClassSpec | None:
        """By what a gate of that certainty decides on a part of `at`; None where no specification is in force."""
        return self.class_spec(certainty) or self.spec_at(at)

    def _classes(self) -> dict[str, ClassEntry]:
        if self.pass_fail is None:
            return self.classes
        return {PASSED: ClassEntry(value=0, means="continue"), FAILED: ClassEntry(value=1, means=self.pass_fail)}

    def spec_at(self, at: datetime) -> Spec | None:
        """The specification in force at `at`; None before the first, and for classes."""
        started = [s for s in self.specs if s.since <= at]
        if not started:
            return None
        last = max(started, key=lambda s: s.since)
        return Spec(last.lower, last.upper, last.target, self.unit)
