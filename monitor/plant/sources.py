"""The plant file's sources and write-back: how any MES's tables and columns are ours."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from monitor.plant.types import DatabaseUrl, Duration, Name, PositiveDuration, Strict, Text, Zone
from monitor.plant.words import Meaning, among


class TimeColumn(Strict):
    """Where a time stands and how it is written; a column's name alone will do."""

    column: Text = Field(description="Column of the source's table.")
    zone: Zone | None = Field(None, description="IANA zone of naive times; required where times are naive.")
    epoch: Literal["s", "ms", "us", "ns"] | None = Field(
        None, description="Unit, where times are numbers since 1970-01-01 UTC."
    )

    @model_validator(mode="after")
    def _one_reading(self) -> TimeColumn:
        if self.zone is not None and self.epoch is not None:
            raise ValueError("expected zone or epoch, not both: numbers since 1970 are always UTC")
        return self


class CodeColumn(Strict):
    """Where a word stands, and how the source's codes map to ours; a column's name alone will do."""

    column: Text = Field(description="Column of the source's table.")
    codes: dict[str, Text] = Field({}, description="Source code to our name; a code not listed stands for itself.")


class ImageShape(Strict):
    """An 8-bit grey image stored row by row as bytes; features <name>_mean, _std and _gradient are made of it."""

    width: int = Field(ge=2, le=4096, description="Pixels in a row.")
    height: int = Field(ge=2, le=4096, description="Rows.")


class ValueColumn(Strict):
    """Where a number stands and its unit conversion (value * scale + offset); a column's name alone will do."""

    column: Text = Field(description="Column of the source's table.")
    scale: float = Field(1.0, description="Factor from the source's unit to ours.")
    offset: float = Field(0.0, description="Added after scaling.")
    missing: list[float | str] = Field([], description="Values as the source writes them that mean: no value.")
    unit: str = Field("", description="Our unit, after conversion.")
    image: ImageShape | None = Field(None, description="Set where the column holds an image instead of a number.")
    vector: int | None = Field(
        None,
        ge=1,
        le=4096,
        description="Set where the column holds this many numbers (a JSON array, or bytes of float64); "
        "features <name>1, <name>2, ... are made of it, zero-padded alike.",
    )

    @model_validator(mode="after")
    def _one_thing(self) -> ValueColumn:
        if self.image is not None and self.vector is not None:
            raise ValueError("expected image or vector, not both")
        return self

    @field_validator("scale")
    @classmethod
    def _not_nothing(cls, value: float) -> float:
        if value == 0:
            raise ValueError("expected a number other than 0, which would make every value the same")
        return value


def _column_alone(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


_SHORT = Meaning("a column name or a mapping (keys and values)")
TimeCol = Annotated[TimeColumn, BeforeValidator(_column_alone), _SHORT]
CodeCol = Annotated[CodeColumn, BeforeValidator(_column_alone), _SHORT]
ValueCol = Annotated[ValueColumn, BeforeValidator(_column_alone), _SHORT]


class SourceBase(Strict):
    """What every source has."""

    url: DatabaseUrl = Field(description="Where it is; ${NAME} reads the environment, ${file:PATH} a file.")
    table: Text = Field(description="Table or view that holds the rows.")
    table_schema: Text | None = Field(None, description="Database schema of the table, where it is not the default.")
    at: TimeCol = Field(description="When it happened.")
    available_at: TimeCol | None = Field(None, description="When the row could be known.")
    delay: Duration = Field(timedelta(0), description="Declared delay where there is no available_at column.")
    late_by: Duration = Field(timedelta(0), description="How far back rows may still arrive; re-read at every pull.")
    every: PositiveDuration = Field(timedelta(minutes=1), description="How often it is pulled.")
    stale_after: PositiveDuration | None = Field(
        timedelta(days=1), description="Without a new row for so long it is an alert; an empty value means never."
    )
    timeout: PositiveDuration = Field(timedelta(seconds=10), description="Connect and statement time-out.")
    partitions: dict[Name, list[Text]] = Field(
        {}, description="Machines (or steps, for part steps) pulled under a cursor of their own."
    )


class PartSource(SourceBase):
    """Part steps: one row for each passage of a part through a step."""

    kind: Literal["part_steps"] = Field(description="What the rows are.")
    serial: Text = Field(description="Column of the part's serial number.")
    step: CodeCol = Field(description="Which step the part passed.")
    visit: Text | None = Field(None, description="Column counting passages; without it another time is another visit.")
    machine: CodeCol | None = Field(None, description="Which machine the part was on.")
    recipe: Text | None = Field(None, description="Column of the recipe.")
    lot: Text | None = Field(None, description="Column of the lot.")
    values: dict[Text, ValueCol] = Field({}, description="Feature to column.")


class ReadingSource(SourceBase):
    """Machine readings: wide (`values` names the columns) or long (`sensor` and `value` name them)."""

    kind: Literal["readings"] = Field(description="What the rows are.")
    machine: CodeCol = Field(description="Which machine was read.")
    recipe: Text | None = Field(None, description="Column of the recipe.")
    values: dict[Text, ValueCol] = Field({}, description="Wide layout: sensor to column.")
    sensor: CodeCol | None = Field(None, description="Long layout: the column that names the sensor.")
    value: ValueCol | None = Field(None, description="Long layout: the column that holds the number.")

    @model_validator(mode="after")
    def _one_layout(self) -> ReadingSource:
        long = [part is not None for part in (self.sensor, self.value)]
        if bool(self.values) == any(long) or any(long) != all(long):
            raise ValueError("expected either values (wide layout) or both sensor and value (long layout)")
        return self


class StateSource(SourceBase):
    """Machine states: one row for each change."""

    kind: Literal["machine_states"] = Field(description="What the rows are.")
    machine: CodeCol = Field(description="Which machine changed its state.")
    state: CodeCol = Field(description="The new state: run, idle, setup or down.")


class OutcomeSource(SourceBase):
    """Outcomes: the measured truth of a part, often days later."""

    kind: Literal["outcomes"] = Field(description="What the rows are.")
    serial: Text = Field(description="Column of the part's serial number.")
    characteristic: str = Field(description="Which characteristic of this file the value belongs to.")
    value: ValueCol = Field(description="The measured value.")


class DispositionSource(SourceBase):
    """Dispositions: what people did with a part."""

    kind: Literal["dispositions"] = Field(description="What the rows are.")
    serial: Text = Field(description="Column of the part's serial number.")
    step: CodeCol | None = Field(None, description="Step at which it was decided.")
    disposition: CodeCol = Field(description="What was done.")


Source = Annotated[
    PartSource | ReadingSource | StateSource | OutcomeSource | DispositionSource, Field(discriminator="kind")
]

WRITE_BACK_FIELDS = (
    "site", "serial", "step", "visit", "revision", "recommendation", "confidence", "reason", "on_hold",
    "model_version", "predicted", "lower", "upper", "decided_at",
)  # fmt: skip
_NEEDED = ("site", "serial", "step", "visit", "revision", "recommendation")


class WriteBack(Strict):
    """Where recommendations go: an upsert into a table of the MES under a unique key."""

    url: DatabaseUrl = Field(description="Where it is, with an account that may write; see sources for ${...}.")
    table: Text = Field(description="Table that takes the recommendations.")
    table_schema: Text | None = Field(None, description="Database schema of the table, where it is not the default.")
    columns: dict[str, Text] = Field(
        description=f"Our field to their column. Fields: {', '.join(WRITE_BACK_FIELDS)}; needed: {', '.join(_NEEDED)}."
    )
    every: PositiveDuration = Field(timedelta(seconds=10), description="How often waiting recommendations are sent.")
    timeout: PositiveDuration = Field(timedelta(seconds=10), description="Connect and statement time-out.")
    attempts: int = Field(
        150, ge=1, description="Tries while the MES cannot be reached; then a dead letter. Refused ones get 3 tries."
    )
    backoff: PositiveDuration = Field(
        timedelta(seconds=10), description="Wait after the first failure; doubles to at most 5 minutes."
    )
    time_zone: Zone = Field("UTC", description="Zone in which decided_at is written, as naive time.")

    @field_validator("columns")
    @classmethod
    def _fields(cls, columns: dict[str, Any]) -> dict[str, Any]:
        unknown = [among("field", field, WRITE_BACK_FIELDS) for field in columns if field not in WRITE_BACK_FIELDS]
        needed = [field for field in _NEEDED if field not in columns]
        twice = sorted({column for column in columns.values() if list(columns.values()).count(column) > 1})
        problems = unknown + [f"field {field!r} is missing" for field in needed]
        problems += [f"column {column!r} is given to two fields" for column in twice]
        if problems:
            raise ValueError("; ".join(problems))
        return columns
