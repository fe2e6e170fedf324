"""What a source's configuration asks of its table: which columns, in which role, and what makes a row unique."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.errors import UsageError
from monitor.model import MachineState, RejectReason
from monitor.plant.features import feature_names
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
class Words:
    """A column of words of the page: where it stands, what its codes mean, and what a word may be.

    `column` None: the source has none, every word is ''. `allowed` None: anything; an empty word is then only refused
    where `required`. `reason` is why a row with a refused word is rejected.
    """

    name: str
    column: str | None
    codes: Mapping[str, str] = field(default_factory=dict)
    allowed: frozenset[str] | None = None
    required: bool = False
    reason: RejectReason = RejectReason.NO_KEY


@dataclass(frozen=True, slots=True)
class Plan:
    """How the rows of one source become a page.

    `key` names the page columns that make a row unique, `order` the source columns by which rows of one instant are
    ordered, `names` the columns of the page's values. `member` is the word that partitions are made of. `visit` and
    `sensor` name the source columns of a passage number and of the long layout's sensor. `value` is the one value of
    an outcome or of the long layout; `values` are those of part steps and of wide readings.
    """

    config: SourceBase
    words: tuple[Words, ...]
    key: tuple[str, ...]
    names: tuple[str, ...] = ()
    values: tuple[tuple[str, ValueColumn], ...] = ()
    value: ValueColumn | None = None
    visit: str | None = None
    sensor: Words | None = None
    member: Words | None = None
    pairs: frozenset[tuple[str, str]] = frozenset()

    @property
    def counts_visits(self) -> bool:
        """Whether the page tells passages of a part apart, by a column or, without one, by their times."""
        return isinstance(self.config, PartSource)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every source column that is read, each once."""
        found = [self.config.at.column]
        if self.config.available_at:
            found.append(self.config.available_at.column)
        found += [w.column for w in (*self.words, *((self.sensor,) if self.sensor else ())) if w.column]
        found += [self.visit] if self.visit else []
        found += [v.column for _, v in self.values] + ([self.value.column] if self.value else [])
        return tuple(dict.fromkeys(found))

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The source columns that make a row unique."""
        by_name = {w.name: w.column for w in self.words} | {"at": self.config.at.column, "visit": self.visit}
        by_name |= {"sensor": self.sensor.column if self.sensor else None}
        return tuple(c for name in self.key if (c := by_name[name]) is not None)


def make_plan(config: SourceBase, plant: Plant) -> Plan:
    """The plan of a source; its kind decides."""
    if isinstance(config, PartSource):
        return _parts(config, plant)
    if isinstance(config, ReadingSource):
        return _readings(config, plant)
    if isinstance(config, StateSource):
        machine = _machine(config.machine, plant)
        states = frozenset(s.value for s in MachineState)
        state = Words("state", config.state.column, config.state.codes, states, True, RejectReason.UNKNOWN_STATE)
        return Plan(config, (machine, state), ("machine", "at"), member=machine)
    if isinstance(config, OutcomeSource):
        return Plan(config, (_serial(config.serial),), ("serial", "at"), value=config.value)
    if isinstance(config, DispositionSource):
        step = _step(config.step, plant) if config.step else Words("step", None)
        said = Words("disposition", config.disposition.column, config.disposition.codes)
        return Plan(config, (_serial(config.serial), step, said), ("serial", "step", "at"))
    raise UsageError(f"no source of kind {type(config).__name__}")


def _parts(config: PartSource, plant: Plant) -> Plan:
    step = _step(config.step, plant)
    machine = _machine(config.machine, plant, optional=True) if config.machine else Words("machine", None)
    words = (_serial(config.serial), step, machine, Words("recipe", config.recipe), Words("lot", config.lot))
    names = tuple(f for name, v in config.values.items() for f in feature_names(name, v))
    key = ("serial", "step", "visit" if config.visit else "at")
    return Plan(config, words, key, names, tuple(config.values.items()), visit=config.visit, member=step)


def _readings(config: ReadingSource, plant: Plant) -> Plan:
    machine = _machine(config.machine, plant)
    words = (machine, Words("recipe", config.recipe))
    if config.sensor is None:
        values = tuple(config.values.items())
        return Plan(config, words, ("machine", "at"), tuple(config.values), values, member=machine)
    names = tuple(dict.fromkeys(s for m in plant.machines.values() for s in m.sensors))
    pairs = frozenset((name, s) for name, m in plant.machines.items() for s in m.sensors)
    sensor = Words(
        "sensor", config.sensor.column, config.sensor.codes, frozenset(names), True, RejectReason.UNKNOWN_SENSOR
    )
    key = ("machine", "sensor", "at")
    return Plan(config, words, key, names, value=config.value, sensor=sensor, member=machine, pairs=pairs)


def _serial(column: str) -> Words:
    return Words("serial", column, required=True)


def _step(code: CodeColumn, plant: Plant) -> Words:
    return Words("step", code.column, code.codes, frozenset(plant.steps), True, RejectReason.UNKNOWN_STEP)


def _machine(code: CodeColumn, plant: Plant, optional: bool = False) -> Words:
    allowed = frozenset(plant.machines) | (frozenset({""}) if optional else frozenset())
    return Words("machine", code.column, code.codes, allowed, not optional, RejectReason.UNKNOWN_MACHINE)


def source_codes(member: Words, wanted: str) -> tuple[str, ...]:
    """The source's own words for one of our names, the name itself where it is no code for something else."""
    own = tuple(code for code, ours in member.codes.items() if ours == wanted)
    return own if wanted in member.codes else (*own, wanted)
