"""What commands share: their options, loading and opening a plant, printing data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class Instant(click.ParamType[datetime]):
    """An ISO time with an offset, or a date, which is midnight UTC."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        """To aware UTC."""
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        except ValueError:
            self.fail(f"{value!r} is no time; expected one such as 2026-01-31 or 2026-01-31T06:00:00Z", param, ctx)
        if found.tzinfo is None:
            if len(str(value)) > len("2026-01-31"):
                self.fail(f"{value!r} has no offset; write 2026-01-31T06:00:00Z for UTC", param, ctx)
            found = found.replace(tzinfo=UTC)
        return found.astimezone(UTC)


def plant_argument(command: F) -> F:
    """PLANT as an argument, and --set."""
    command = click.argument("plant", default="plant.yaml", envvar="GATEWATCH_PLANT")(command)
    return _overrides(command)


def plant_option(command: F) -> F:
    """PLANT as an option, and --set."""
    command = click.option(
        "--plant", "-p", default="plant.yaml", show_default=True, envvar="GATEWATCH_PLANT", help="The plant file."
    )(command)
    return _overrides(command)


def _overrides(command: F) -> F:
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override a key, as sources.mes.url=sqlite:///x.db.",
    )(command)


def as_json(command: F) -> F:
    """--json."""
    return click.option("--json", "json_", is_flag=True, help="Print data for programs.")(command)


def say(value: Any) -> None:
    """Print JSON, times as ISO 8601 with their offset."""
    click.echo(json.dumps(value, indent=2, sort_keys=True, default=_plain))


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def load(plant: str, overrides: Sequence[str]) -> Any:
    """The plant file, checked."""
    from monitor.plant_file import load as load_plant

    return load_plant(Path(plant), overrides)


@contextmanager
def opened(plant: str, overrides: Sequence[str], clock: Any = None, tell: bool | None = None) -> Iterator[Any]:
    """A plant ready to run, on the real clock or a simulated one; leases and connections are given back at the end."""
    from monitor.app import make_app
    from monitor.clock import WallClock

    app = make_app(load(plant, overrides), clock or WallClock(), simulated=clock is not None, tell=tell)
    try:
        yield app
    finally:
        app.close()
