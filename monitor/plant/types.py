"""Types of the values in a plant file: durations, times, time zones, names, text and URLs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from inference.tracking.addresses import UNITY_CATALOG, in_unity_catalog, lacking, scheme_of
from monitor.plant.messages import Meaning

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = r"([0-9]+(\.[0-9]+)?[smhd])+"
_LONGEST = timedelta(days=36500)
_TRACKING = ("sqlite", "postgresql", "mysql", "mssql", "http", "https", "databricks")


def parse_duration(value: object) -> timedelta:
    """A duration such as `90s`, `5m`, `1h30m` or `2d`; ValueError for anything else, including a bare number."""
    if isinstance(value, timedelta):
        return value
    text = str(value)
    if not re.fullmatch(DURATION, text):
        raise ValueError("expected a duration such as 30s, 5m, 1h30m or 2d")
    seconds = sum(float(n) * _UNITS[u] for n, u in re.findall(r"([0-9]+(?:\.[0-9]+)?)([smhd])", text))
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"expected a duration of at most {_LONGEST.days}d")
    return timedelta(seconds=seconds)


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("expected a duration above 0s")
    return value


def parse_instant(value: object) -> datetime:
    """A time with an offset, in UTC; ValueError for anything else."""
    problem = ValueError("expected a time with an offset, such as 2026-01-01T00:00:00Z")
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else value
        if not isinstance(at, datetime) or at.tzinfo is None:
            raise problem
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise problem from None


_PERIODS = {"day": 1, "week": 7, "month": 30, "year": 365}


def parse_false_alarms(value: object) -> timedelta:
    """The time between false alarms of one machine, from text such as `1 per machine and month`; else ValueError."""
    if isinstance(value, timedelta):
        return value
    parts = re.fullmatch(r"([1-9][0-9]{0,3}) per machine and (day|week|month|year)", str(value))
    if not parts:
        raise ValueError("expected a number of false alarms such as '1 per machine and month' (or day, week, year)")
    return timedelta(days=_PERIODS[parts[2]]) / int(parts[1])


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected an IANA time zone such as Europe/Berlin or UTC") from None
    return value


def _name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", value):
        raise ValueError("expected a name of 1 to 63 letters, digits, '_', '-' or '.'")
    return value


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("expected text that is not empty")
    return value


def _database(value: str) -> str:
    if not re.match(r"[a-z][a-z0-9_]*(\+[a-z0-9_]+)?://", value):
        raise ValueError(
            "expected a SQLAlchemy URL such as sqlite:///mes.db or postgresql+psycopg://user@host/database"
        )
    return value


def _tracking(value: str) -> str:
    if in_unity_catalog(value):
        raise ValueError("Unity Catalog holds versions, not runs; expected databricks here, and registry_uri for it")
    if scheme_of(value) not in _TRACKING:
        raise ValueError("expected an MLflow URI such as sqlite:///mlflow.db or https://mlflow.example.com")
    return value


def _registry(value: str) -> str:
    lacks = lacking(value)
    if lacks is not None:
        raise ValueError(lacks)
    if scheme_of(value) not in (*_TRACKING, UNITY_CATALOG):
        raise ValueError("expected databricks-uc, or an MLflow URI such as https://mlflow.example.com")
    return value


def _model_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}", value):
        raise ValueError("expected a name of 1 to 255 letters, digits, '_', '-' or '.'")
    return value


def _page(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s@?#]*)?", value):
        raise ValueError("expected an address such as https://gatewatch.example.com/, without user, password or query")
    return value if value.endswith("/") else f"{value}/"


FalseAlarms = Annotated[
    timedelta, BeforeValidator(parse_false_alarms), Meaning("false alarms allowed, such as '1 per machine and month'")
]
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
PositiveDuration = Annotated[
    Duration, AfterValidator(_positive), Meaning("a duration above 0s, such as 30s, 5m or 1h30m")
]
Instant = Annotated[datetime, BeforeValidator(parse_instant)]
Zone = Annotated[str, AfterValidator(_zone), Meaning("an IANA time zone such as Europe/Berlin")]
Name = Annotated[str, AfterValidator(_name), Meaning("a name")]
Text = Annotated[str, AfterValidator(_text)]
PageUrl = Annotated[
    str, AfterValidator(_page), Meaning("an address such as https://gatewatch.example.com/", secret=True)
]
DatabaseUrl = Annotated[str, AfterValidator(_database), Meaning("a SQLAlchemy URL", secret=True), Field(repr=False)]
SourceUrl = Annotated[
    str,
    AfterValidator(_database),
    Meaning("a SQLAlchemy URL, or that of a folder of files", secret=True),
    Field(repr=False),
]
TrackingUri = Annotated[
    str, AfterValidator(_tracking), Meaning("an MLflow tracking URI", secret=True), Field(repr=False)
]
RegistryUri = Annotated[str, AfterValidator(_registry), Meaning("an MLflow registry URI", secret=True)]
ModelName = Annotated[str, AfterValidator(_model_name), Meaning("a name, or catalog.schema.model")]
OnHold = Literal["wait", "inspect", "plant_procedure"]
Team = Literal["operators", "engineers", "ml", "platform"]
"""Who is told something."""


class Strict(BaseModel):
    """A section of the plant file: unknown keys are errors, values are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Secret = Annotated[Text, Meaning("text that is not empty", secret=True)]


def delta_location(url: str) -> str:
    """Where a URL of Delta tables leads as their library takes it: a folder, or a URL of an object store.

    >>> delta_location("delta:///mnt/lake"), delta_location("delta+s3://bucket/lake")
    ('/mnt/lake', 's3://bucket/lake')
    """
    scheme, _, rest = url.partition("://")
    store = scheme.partition("+")[2]
    return f"{store}://{rest}" if store else rest
