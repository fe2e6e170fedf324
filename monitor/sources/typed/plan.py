"""How a source's table is read according to its configuration: the columns, their roles, and the unique key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.errors import UsageError
from monitor.model import MachineState, RejectReason
from monitor.plant.features import feature_names, judged_steps
from monitor.plant.plant import Plant
from monitor.plant.sources import (
    CodeColumn,
    DispositionSource,
    OutcomeSource,
    PartSource,
    ReadingSource,
    SourceBase,
    StateSource,
    ValueColumn,
)


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A text column of the page: its source column, codes and allowed texts.

    `column` is None if the source has no such column; all texts are then ''. `allowed` is None if any text is allowed;
    an empty one is then rejected only if `required`. `reason`: why rows with other texts are rejected.
    """

    name: str
    column: str | None
    codes: Mapping[str, str] = field(default_factory=dict)
    allowed: frozenset[str] | None = None
    required: bool = False
    reason: RejectReason = RejectReason.NO_KEY


@dataclass(frozen=True, slots=True)
class Plan:
    """How the rows of one source are converted to a page.

    `key`: the page columns that make a row unique. `names`: the columns of the page's values. `member`: the column
    by which partitions select rows. `visit` and `sensor`: the source columns of the visit number and of the sensor
    in the long layout. `value`: the single value column of outcomes and of the long layout; `values`: the value
    columns of part steps and of wide readings. `pairs`: the (machine, sensor) pairs of the plant, for the long layout.
    `judged`: by value column that holds an image, the steps whose picture a gate judges.
    `classes`: the numbers that an outcome of a characteristic with classes can have; empty for a number.
    """

    config: SourceBase
    texts: tuple[TextColumn, ...]
    key: tuple[str, ...]
    names: tuple[str, ...] = ()
    values: tuple[tuple[str, ValueColumn], ...] = ()
    value: ValueColumn | None = None
    visit: str | None = None
    sensor: TextColumn | None = None
    member: TextColumn | None = None
    pairs: frozenset[tuple[str, str]] = frozenset()
    judged: Mapping[str, frozenset[str]] = field(default_factory=dict)
    classes: frozenset[float] = frozenset()

    @property
    def counts_visits(self) -> bool:
        """Whether the page distinguishes a part's visits to a step, by a column or else by their times."""
        return isinstance(self.config, PartSource)

    @property
    def all_texts(self) -> tuple[TextColumn, ...]:
        """The text columns, with that of the sensor in the long layout."""
        return (*self.texts, self.sensor) if self.sensor else self.texts

    @property
    def columns(self) -> tuple[str, ...]:
        """All source columns that are read, each once."""
        names = [self.config.at.column]
        if self.config.available_at:
            names.append(self.config.available_at.column)
        names += [w.column for w in self.all_texts if w.column]
        names += [self.visit] if self.visit else []
        names += [v.column for _, v in self.values] + ([self.value.column] if self.value else [])
        return tuple(dict.fromkeys(names))

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The source columns that make a row unique."""
        by_name = {w.name: w.column for w in self.texts} | {"at": self.config.at.column, "visit": self.visit}
        by_name |= {"sensor": self.sensor.column if self.sensor else None}
        return tuple(c for name in self.key if (c := by_name[name]) is not None)


def make_plan(config: SourceBase, plant: Plant) -> Plan:
    """The plan of a source, according to its kind."""
    if isinstance(config, PartSource):
        return _parts(config, plant)
    if isinstance(config, ReadingSource):
        return _readings(config, plant)
    if isinstance(config, StateSource):
        machine = _machine(config.machine, plant)
        states = frozenset(s.value for s in MachineState)
        state = TextColumn("state", config.state.column, config.state.codes, states, True, RejectReason.UNKNOWN_STATE)
        return Plan(config, (machine, state), ("machine", "at"), member=machine)
    if isinstance(config, OutcomeSource):
        characteristic = plant.characteristics.get(config.characteristic)
        classes = frozenset(map(float, characteristic.class_values if characteristic else ()))
        return Plan(config, (_serial(config.serial),), ("serial", "at"), value=config.value, classes=classes)
    if isinstance(config, DispositionSource):
        step = _step(config.step, plant) if config.step else TextColumn("step", None)
        disposition = TextColumn("disposition", config.disposition.column, config.disposition.codes)
        return Plan(config, (_serial(config.serial), step, disposition), ("serial", "step", "at"))
    raise UsageError(f"no source of kind {type(config).__name__}")


def _parts(config: PartSource, plant: Plant) -> Plan:
    step = _step(config.step, plant)
    machine = _machine(config.machine, plant, optional=True) if config.machine else TextColumn("machine", None)
    texts = (_serial(config.serial), step, machine, TextColumn("recipe", config.recipe), TextColumn("lot", config.lot))
    names = tuple(f for name, v in config.values.items() for f in feature_names(name, v))
    key = ("serial", "step", "visit" if config.visit else "at")
    values = tuple(config.values.items())
    judged = {name: judged_steps(plant, name) for name, column in values if column.image}
    return Plan(config, texts, key, names, values, visit=config.visit, member=step, judged=judged)


def _readings(config: ReadingSource, plant: Plant) -> Plan:
    machine = _machine(config.machine, plant)
    texts = (machine, TextColumn("recipe", config.recipe))
    if config.sensor is None:
        values = tuple(config.values.items())
        return Plan(config, texts, ("machine", "at"), tuple(config.values), values, member=machine)
    names = tuple(dict.fromkeys(s for m in plant.machines.values() for s in m.sensors))
    pairs = frozenset((name, s) for name, m in plant.machines.items() for s in m.sensors)
    sensor = TextColumn(
        "sensor", config.sensor.column, config.sensor.codes, frozenset(names), True, RejectReason.UNKNOWN_SENSOR
    )
    key = ("machine", "sensor", "at")
    return Plan(config, texts, key, names, value=config.value, sensor=sensor, member=machine, pairs=pairs)


def _serial(column: str) -> TextColumn:
    return TextColumn("serial", column, required=True)


def _step(code: CodeColumn, plant: Plant) -> TextColumn:
    return TextColumn("step", code.column, code.codes, frozenset(plant.steps), True, RejectReason.UNKNOWN_STEP)


def _machine(code: CodeColumn, plant: Plant, optional: bool = False) -> TextColumn:
    allowed = frozenset(plant.machines) | (frozenset({""}) if optional else frozenset())
    return TextColumn("machine", code.column, code.codes, allowed, not optional, RejectReason.UNKNOWN_MACHINE)


def source_codes(member: TextColumn, name: str) -> tuple[str, ...]:
    """The source's codes for a name of the plant file, including the name itself unless it is a code for another."""
    codes = tuple(code for code, translated in member.codes.items() if translated == name)
    return codes if name in member.codes else (*codes, name)
