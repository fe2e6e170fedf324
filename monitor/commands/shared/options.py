"""Options of the commands, loading and opening a plant, printing JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from monitor.clock import Clock
    from monitor.plant.file.load import LoadedPlant
    from monitor.runtime.app import App
    from monitor.store.database.database import Store

F = TypeVar("F", bound=Callable[..., Any])


class Instant(click.ParamType[datetime]):
    """An ISO time with an offset, or a date, which is midnight UTC."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        """To aware UTC."""
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        except ValueError:
            self.fail(f"{value!r}: expected a time such as 2026-01-31 or 2026-01-31T06:00:00Z", param, ctx)
        if instant.tzinfo is None:
            if len(str(value)) > len("2026-01-31"):
                self.fail(f"{value!r} has no offset; write 2026-01-31T06:00:00Z for UTC", param, ctx)
            instant = instant.replace(tzinfo=UTC)
        return instant.astimezone(UTC)


class Interval(click.ParamType[timedelta]):
    """A time span as the plant file writes it, above 0."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> timedelta:
        """To a timedelta."""
        from monitor.plant.types import parse_duration

        try:
            interval = parse_duration(value)
        except ValueError as exc:
            self.fail(f"{value!r}: {exc}", param, ctx)
        if not interval:
            self.fail(f"{value!r}: expected a duration above 0s", param, ctx)
        return interval


def openmetrics(command: F) -> F:
    """--openmetrics and its settings, as one argument `openmetrics`: a RecordingOptions, or None without the option."""

    @wraps(command)
    def bundled(*args: Any, openmetrics: Path | None, openmetrics_every: timedelta, openmetrics_instance: str | None,
                **kwargs: Any) -> Any:  # fmt: skip
        from monitor.runtime.recording import RecordingOptions

        recorded = (
            None
            if openmetrics is None
            else RecordingOptions(openmetrics, openmetrics_every, openmetrics_instance or "")
        )
        return command(*args, openmetrics=recorded, **kwargs)

    file = click.Path(dir_okay=False, path_type=Path)
    options = (
        click.option("--openmetrics", type=file, metavar="FILE", help="Record /metrics to FILE, for promtool."),
        click.option("--openmetrics-every", type=Interval(), default="15m", show_default=True,
                     help="How often /metrics is recorded, in simulated time."),
        click.option("--openmetrics-instance", metavar="HOST:PORT",
                     help="Label 'instance' of the samples; by default the plant's server."),
    )  # fmt: skip
    wrapped: Any = bundled
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]


def plant_argument(command: F) -> F:
    """PLANT as an argument, and --set; as an option too, for who is used to it from other commands."""

    @wraps(command)
    def with_either(*, plant: str, plant_option: str | None, **others: Any) -> Any:
        return command(plant=plant_option or plant, **others)

    either: Any = click.option("--plant", "-p", "plant_option", hidden=True, help="Plant file.")(with_either)
    either = click.argument("plant", default="plant.yaml", envvar="GATEWATCH_PLANT")(either)
    return _overrides(either)  # type: ignore[no-any-return]


def plant_option(command: F) -> F:
    """PLANT as an option, and --set."""
    command = click.option(
        "--plant", "-p", default="plant.yaml", show_default=True, envvar="GATEWATCH_PLANT", help="Plant file."
    )(command)
    return _overrides(command)


def _overrides(command: F) -> F:
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override a key, such as sources.mes.url=sqlite:///x.db.",
    )(command)


def as_json(command: F) -> F:
    """--json."""
    return click.option("--json", "json_", is_flag=True, help="Print JSON.")(command)


def print_json(value: Any) -> None:
    """Print a value as JSON, times as ISO 8601 with their offset."""
    click.echo(json.dumps(value, indent=2, sort_keys=True, default=_json_default))


def _json_default(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def serial_argument(command: F) -> F:
    """SERIAL, without blanks around it, as the sources strip them too."""
    return click.argument("serial", callback=lambda _context, _option, text: text.strip())(command)


def load(plant: str, overrides: Sequence[str]) -> LoadedPlant:
    """The plant file, checked."""
    from monitor.plant.file.load import load as load_plant

    return load_plant(Path(plant), overrides)


@contextmanager
def open_app(
    plant: str, overrides: Sequence[str], clock: Clock | None = None, notify: bool | None = None
) -> Iterator[App]:
    """A plant ready to run, on the real clock or a simulated one; released at the end."""
    from monitor.clock import WallClock
    from monitor.runtime.app import make_app

    app = make_app(load(plant, overrides), clock or WallClock(), simulated=clock is not None, notify=notify)
    try:
        yield app
    finally:
        app.close()


def open_store_of(plant: str, overrides: Sequence[str]) -> Store:
    """The store that the plant file names; an error if it does not exist or has another version."""
    from monitor.store.database.schema import open_existing

    return open_existing(load(plant, overrides).plant.store.url)


def table_format(what: str) -> Callable[[F], F]:
    """--format: how tables in a lake are written; `what` they are."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(["delta", "parquet"]),
        default="delta",
        show_default=True,
        help=f"How {what} are written.",
    )
