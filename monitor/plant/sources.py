"""Sources and write-back of the plant file: mapping the tables and columns of an MES or historian."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from monitor.plant.conditions import Condition, parse_condition
from monitor.plant.messages import Meaning, unknown_name
from monitor.plant.time_formats import TimeFormat, time_format
from monitor.plant.types import DatabaseUrl, Duration, Instant, Name, PositiveDuration, SourceUrl, Strict, Text, Zone


def _time_text(value: str) -> str:
    time_format(value)
    return value


TimeText = Annotated[str, AfterValidator(_time_text), Meaning("a format of times such as %d.%m.%Y %H:%M:%S")]


class TimeColumn(Strict):
    """A time: its column and format. A column name alone is enough for times with an offset."""

    column: Text = Field(description="Column of the source's table.")
    zone: Zone | None = Field(None, description="IANA zone of naive times; required where times are naive.")
    epoch: Literal["s", "ms", "us", "ns"] | None = Field(
        None, description="Unit, if times are numbers since 1970-01-01 UTC."
    )
    format: TimeText | None = Field(
        None,
        description="How times are written as text, as for strptime: %d.%m.%Y %H:%M:%S. Not needed for ISO text with a "
        "time of day.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> TimeColumn:
        if self.zone is not None and self.epoch is not None:
            raise ValueError("expected zone or epoch, not both: numbers since 1970 are always UTC")
        if self.format is not None and self.epoch is not None:
            raise ValueError("expected format or epoch, not both: numbers since 1970 have no format")
        if self.time_format is not None and self.time_format.naive and self.zone is None:
            raise ValueError(
                "expected zone beside format, an IANA zone such as Europe/Berlin or UTC, or %z or %Z in the format: "
                "its times have no offset"
            )
        return self

    @property
    def time_format(self) -> TimeFormat | None:
        """The format of its text; None for ISO text, and for what is no text."""
        return None if self.format is None else time_format(self.format)


class CodeColumn(Strict):
    """A name: its column, and how the source's codes translate. A column name alone is enough without codes."""

    column: Text = Field(description="Column of the source's table.")
    codes: dict[str, Text] = Field(
        {}, description="Code in the source to name in the plant file; a code that is not listed stands for itself."
    )


class ImageFormat(Strict):
    """An image: 8-bit grey pixels row by row as bytes, or the bytes of a file.

    Gives the features <name>_mean, _std and _gradient; a gate of kind image judges the picture itself.
    """

    format: Literal["raw", "file"] = Field(
        "raw",
        description="raw: 8-bit grey pixels, row by row; file: a PNG, JPEG, BMP, TIFF or WebP file, grey or colour, of "
        "any size up to 50 million pixels and 64 MiB.",
    )
    width: int | None = Field(None, ge=2, le=4096, description="Pixels in a row; of raw pixels only.")
    height: int | None = Field(None, ge=2, le=4096, description="Rows; of raw pixels only.")

    @model_validator(mode="after")
    def _size_of_raw(self) -> ImageFormat:
        given = [side is not None for side in (self.width, self.height)]
        if self.format == "file" and any(given):
            raise ValueError("expected format: file without width and height: a file says its own size")
        if self.format == "raw" and not all(given):
            raise ValueError("expected width and height of raw pixels, or format: file")
        return self


def _nonzero(value: float) -> float:
    if value == 0:
        raise ValueError("expected a number other than 0, which would make every value the same")
    return value


Scale = Annotated[float, AfterValidator(_nonzero)]


class Conversion(Strict):
    """A conversion valid from an instant until the next one, for a sensor that was swapped."""

    since: Instant = Field(description="Start of validity, by the time of the event.")
    scale: Scale = Field(1.0, description="Conversion factor from the source's unit.")
    offset: float = Field(0.0, description="Added after scaling.")
    unit: str = Field("", description="Unit of the source's numbers from then on; it is not computed with.")
    machine: str | None = Field(None, description="Only for this machine; otherwise for all.")
    sensor: str | None = Field(None, description="Only for this sensor of the long layout; otherwise for all.")


class ValueColumn(Strict):
    """A number: its column and conversion (value * scale + offset). A column name alone is enough without one."""

    column: Text = Field(description="Column of the source's table.")
    codes: dict[str, float] = Field(
        {},
        description="Code in the source to its number, such as {OK: 0, NOK: 1}, taken without scale and offset; "
        "what is not listed must be a number.",
    )
    decimal: Annotated[Literal[".", ","], Meaning("'.' or ','")] = Field(
        ".", description="Decimal mark of numbers that are written as text."
    )
    scale: Scale = Field(1.0, description="Conversion factor from the source's unit.")
    offset: float = Field(0.0, description="Added after scaling.")
    conversions: list[Conversion] = Field(
        [], description="Other conversions by start of validity, for swapped sensors; scale and offset hold until then."
    )
    missing: list[float | str] = Field([], description="Values of the source that mean a missing value.")
    unit: str = Field("", description="Unit after conversion.")
    image: ImageFormat | None = Field(None, description="Given if the column holds an image instead of a number.")
    vector: int | None = Field(
        None,
        ge=1,
        le=4096,
        description="Given if the column holds this many numbers (a JSON array, or bytes of float64); "
        "gives the features <name>1, <name>2, ..., zero-padded to equal length.",
    )

    @model_validator(mode="after")
    def _image_or_vector(self) -> ValueColumn:
        if self.image is not None and self.vector is not None:
            raise ValueError("expected image or vector, not both")
        if self.image is not None and (self.codes or self.decimal != "." or self.conversions):
            raise ValueError("expected an image, or codes, decimal and conversions of a number, not both")
        return self

    @field_validator("codes")
    @classmethod
    def _stripped(cls, codes: dict[str, float]) -> dict[str, float]:
        padded = [code for code in codes if code != code.strip()]
        if padded:
            raise ValueError(f"blanks around code {padded[0]!r}; they are removed from values, so it never occurs")
        return codes

    @field_validator("conversions")
    @classmethod
    def _distinct_starts(cls, conversions: list[Conversion]) -> list[Conversion]:
        starts = [(c.since, c.machine, c.sensor) for c in conversions]
        duplicates = sorted({start[0] for start in starts if starts.count(start) > 1})
        if duplicates:
            raise ValueError(f"two entries of the same machine and sensor have since {duplicates[0].isoformat()!r}")
        return conversions


class Where(Strict):
    """A condition that every row of a source fulfils. Its text alone is enough without parameters."""

    sql: Text = Field(
        description="Condition of columns, :parameters, comparisons, AND, OR, NOT, IN, IS NULL, LIKE, BETWEEN, such as "
        "LINE = :line; values stand in params only."
    )
    params: dict[str, int | float | Text] = Field({}, description="Value of each parameter: a number or text.")

    @model_validator(mode="after")
    def _complete(self) -> Where:
        named = self.condition.parameters
        missing = [name for name in named if name not in self.params]
        if missing:
            raise ValueError(f"parameter :{missing[0]} has no value in params")
        unknown = [name for name in self.params if name not in named]
        if unknown:
            raise ValueError(f"params.{unknown[0]} is not in the condition; write :{unknown[0]} there")
        return self

    @property
    def condition(self) -> Condition:
        """The condition in pieces."""
        return parse_condition(self.sql)


def _expand_column_name(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


def _expand_condition(value: object) -> object:
    return {"sql": value} if isinstance(value, str) else value


_COLUMN = Meaning("a column name or a mapping (keys and values)")
TimeCol = Annotated[TimeColumn, BeforeValidator(_expand_column_name, json_schema_input_type=TimeColumn | str), _COLUMN]
CodeCol = Annotated[CodeColumn, BeforeValidator(_expand_column_name, json_schema_input_type=CodeColumn | str), _COLUMN]
ValueCol = Annotated[
    ValueColumn, BeforeValidator(_expand_column_name, json_schema_input_type=ValueColumn | str), _COLUMN
]

_CONDITION = Meaning("a condition or a mapping (keys and values)")
RowFilter = Annotated[Where, BeforeValidator(_expand_condition, json_schema_input_type=Where | str), _CONDITION]


CATALOG = "delta+uc"
"""The scheme of URLs of Delta tables in Unity Catalog."""
_OF_FILES = ("delta", "csv", "parquet")
"""The schemes of URLs of files."""


class SourceBase(Strict):
    """Keys of every source."""

    url: SourceUrl = Field(
        description="Database URL, or delta:///FOLDER, csv:///FOLDER or parquet:///FOLDER, or delta+uc:// for Unity "
        "Catalog; ${NAME} reads the environment, ${file:PATH} a file."
    )
    table: Text = Field(
        description="Table or view with the rows; of delta the table's folder, of delta+uc catalog.schema.table, of "
        "csv and parquet a pattern of file names, such as steps_*.csv."
    )
    table_schema: Text | None = Field(None, description="Database schema of the table, if it is not the default.")
    where: RowFilter | None = Field(
        None, description="Condition on the rows, in which values are named parameters; without it all rows are read."
    )
    at: TimeCol = Field(description="When the event happened.")
    available_at: TimeCol | None = Field(None, description="When the row became available to readers.")
    delay: Duration = Field(
        timedelta(0), description="Time from the event until the row is available, if there is no available_at column."
    )
    late_by: Duration | None = Field(
        None,
        description="How far behind the cursor rows may still appear; re-read at every pull. Readings are judged when "
        "they can no longer be late. Default: the interval `every`.",
    )
    every: PositiveDuration = Field(timedelta(minutes=1), description="How often the source is pulled.")
    stale_after: PositiveDuration | None = Field(
        timedelta(days=1),
        description="SourceStale fires when no new row arrives for this long; an empty value disables it.",
    )
    timeout: PositiveDuration = Field(
        timedelta(seconds=10), description="Timeout for connecting and for each statement."
    )
    partitions: dict[Name, list[Text]] = Field(
        {}, description="Groups of machines (or steps, for part steps), each pulled with its own cursor."
    )

    @property
    def look_back(self) -> timedelta:
        """How far behind the cursor rows are read again: `late_by`, or one interval."""
        return self.every if self.late_by is None else self.late_by

    @property
    def of_files(self) -> bool:
        """Whether it is read from files: a Delta table, or a folder into which they are dropped."""
        return self.url.partition(":")[0].partition("+")[0] in _OF_FILES

    @property
    def by_catalog(self) -> bool:
        """Whether it is a Delta table that Unity Catalog finds by its name of three levels."""
        return self.url.startswith(f"{CATALOG}://")

    @property
    def dated(self) -> bool:
        """Whether rows say when they became known: by a column, or by the commit or file that brought them."""
        return self.available_at is not None or self.of_files


class PartSource(SourceBase):
    """Part steps: one row per passage of a part through a step."""

    kind: Literal["part_steps"] = Field(description="Kind of the source.")
    serial: Text = Field(description="Column of the part's serial number.")
    step: CodeCol = Field(description="The step the part passed.")
    visit: Text | None = Field(
        None, description="Column that counts passages; without it, a different time is a different visit."
    )
    machine: CodeCol | None = Field(None, description="The machine the part was on.")
    recipe: Text | None = Field(None, description="Column of the recipe.")
    lot: Text | None = Field(None, description="Column of the lot.")
    values: dict[Text, ValueCol] = Field({}, description="Columns by feature.")


class ReadingSource(SourceBase):
    """Machine readings: wide (`values` names the columns) or long (`sensor` and `value` name them)."""

    kind: Literal["readings"] = Field(description="Kind of the source.")
    machine: CodeCol = Field(description="The machine that was read.")
    recipe: Text | None = Field(None, description="Column of the recipe.")
    values: dict[Text, ValueCol] = Field({}, description="Wide layout: columns by sensor.")
    sensor: CodeCol | None = Field(None, description="Long layout: column of the sensor's name.")
    value: ValueCol | None = Field(None, description="Long layout: column of the value.")
    max_age: PositiveDuration | None = Field(
        None,
        description="How long a sensor's last value is held at the instants of other sensors. Default: two intervals "
        "`every`, or three of the sensor's own where that is longer. A sensor's own key takes precedence.",
    )
    on_change: bool = Field(
        False, description="Whether a value is stored only when it changes, and so holds until the next one."
    )

    @model_validator(mode="after")
    def _one_layout(self) -> ReadingSource:
        long = [part is not None for part in (self.sensor, self.value)]
        if bool(self.values) == any(long) or any(long) != all(long):
            raise ValueError("expected either values (wide layout) or both sensor and value (long layout)")
        return self


def pull_name(source: str, partition: str, config: SourceBase) -> str:
    """The name of the job that pulls a partition of a source, 'all' where there are none."""
    return f"pull:{source}:{partition}" if config.partitions else f"pull:{source}"


def reconcile_name(source: str) -> str:
    """The name of the job that compares a source with the store."""
    return f"reconcile:{source}"


class StateSource(SourceBase):
    """Machine states: one row per change."""

    kind: Literal["machine_states"] = Field(description="Kind of the source.")
    machine: CodeCol = Field(description="The machine that changed its state.")
    state: CodeCol = Field(description="The new state: run, idle, setup or down.")


class OutcomeSource(SourceBase):
    """Outcomes: the measured result of a part, often days later."""

    kind: Literal["outcomes"] = Field(description="Kind of the source.")
    serial: Text = Field(description="Column of the part's serial number.")
    characteristic: str = Field(description="The characteristic that was measured.")
    value: ValueCol = Field(description="The measured value.")


class DispositionSource(SourceBase):
    """Dispositions: what people did with a part."""

    kind: Literal["dispositions"] = Field(description="Kind of the source.")
    serial: Text = Field(description="Column of the part's serial number.")
    step: CodeCol | None = Field(None, description="The step at which it was decided.")
    disposition: CodeCol = Field(description="What was done.")


Source = Annotated[
    PartSource | ReadingSource | StateSource | OutcomeSource | DispositionSource, Field(discriminator="kind")
]

ADJUSTMENT_FIELDS = ("adjustment", "adjust_to", "adjustment_2", "adjust_to_2")
"""What is to be set otherwise at later steps: one variable with its setting, or two."""
WRITE_BACK_FIELDS = (
    "site", "serial", "step", "visit", "revision", "recommendation", "confidence", "reason", "on_hold",
    "model_version", "predicted", "lower", "upper", "decided_at", "correction", "expected_cost",
    "probability", *ADJUSTMENT_FIELDS, "audit",
)  # fmt: skip
_REQUIRED = ("site", "serial", "step", "visit", "revision", "recommendation")


class WriteBack(Strict):
    """The table of the MES that receives recommendations, upserted under a unique key."""

    url: DatabaseUrl = Field(description="Database URL with an account that may write; see sources for ${...}.")
    table: Text = Field(description="Table that receives the recommendations.")
    table_schema: Text | None = Field(None, description="Database schema of the table, if it is not the default.")
    columns: dict[str, Text] = Field(
        description=f"Columns by field. Fields: {', '.join(WRITE_BACK_FIELDS)}; required: {', '.join(_REQUIRED)}."
    )
    codes: dict[Literal["site", "step", "recommendation", "reason", "on_hold"], dict[str, Text]] = Field(
        {},
        description="By field, what is written in place of a name or word: {step: {press: OP10}}, the source's own "
        "code; what is not listed is written as it is.",
    )
    every: PositiveDuration = Field(timedelta(seconds=10), description="How often waiting recommendations are sent.")
    timeout: PositiveDuration = Field(
        timedelta(seconds=10), description="Timeout for connecting and for each statement."
    )
    attempts: int = Field(
        150,
        ge=1,
        description="Attempts while the MES cannot be reached, before a dead letter; a rejected message gets 3.",
    )
    backoff: PositiveDuration = Field(
        timedelta(seconds=10), description="Wait after the first failed attempt; doubles up to 5 minutes."
    )
    time_zone: Zone = Field("UTC", description="Time zone of decided_at, which is written as naive time.")

    @model_validator(mode="after")
    def _distinct_codes(self) -> WriteBack:
        for field, codes in self.codes.items():
            if field not in self.columns:
                raise ValueError(f"codes.{field}: columns has no field {field!r}, so nothing of it is written")
            twice = [code for code in codes.values() if list(codes.values()).count(code) > 1]
            if twice and field in ("site", "step"):
                raise ValueError(
                    f"codes.{field}: code {twice[0]!r} is given for two names; rows of one would replace the other's"
                )
        return self

    @field_validator("columns")
    @classmethod
    def _fields(cls, columns: dict[str, Any]) -> dict[str, Any]:
        unknown = [
            unknown_name("field", field, WRITE_BACK_FIELDS) for field in columns if field not in WRITE_BACK_FIELDS
        ]
        missing_fields = [field for field in _REQUIRED if field not in columns]
        duplicates = sorted({column for column in columns.values() if list(columns.values()).count(column) > 1})
        problems = unknown + [f"field {field!r} is missing" for field in missing_fields]
        problems += [f"column {column!r} is used for two fields" for column in duplicates]
        if problems:
            raise ValueError("; ".join(problems))
        return columns
