"""Options and work of training a model on data outside any plant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from inference.kinds import kind_names
from monitor.commands.shared.options import print_json
from monitor.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class DataOptions:
    """The options of training on data; '' where one is not given."""

    path: Path
    models: Path
    kind: str
    target: str
    good: str
    groups: str
    time: str
    without: tuple[str, ...]
    coverage: float


def models_option(command: F) -> F:
    """--models."""
    return click.option(
        "--models", type=click.Path(file_okay=False, path_type=Path), default=".gatewatch-models", show_default=True,
        envvar="GATEWATCH_MODELS", help="Folder of the models that were trained with --data.",
    )(command)  # fmt: skip


def data_options(command: F) -> F:
    """--data and its settings, as one argument `data`: a DataOptions, or None without the option."""

    @wraps(command)
    def bundled(*args: Any, data: Path | None, models: Path, kind: str | None, target: str, good: str, groups: str,
                time: str, without: tuple[str, ...], coverage: float, **kwargs: Any) -> Any:  # fmt: skip
        options = None
        if data is not None:
            if kind is None:
                raise UsageError(f"--data needs --kind: {', '.join(kind_names())}")
            options = DataOptions(data, models, kind, target, good, groups, time, without, coverage)
        elif kind is not None or target:
            raise UsageError(
                "--kind and --target go with --data PATH; a gate's kind and target stand in the plant file"
            )
        return command(*args, data=options, **kwargs)

    options = (
        click.option("--data", type=click.Path(path_type=Path), metavar="PATH", help="CSV file, or folder of images."),
        click.option("--kind", type=click.Choice(kind_names()), help="Kind of model, with --data."),
        click.option("--target", default="", metavar="COLUMN", help="Column to predict."),
        click.option("--good", default="", metavar="CLASS", help="Class of parts without defect."),
        click.option("--groups", default="", metavar="COLUMN",
                     help="Column of what parts share (lot, tile, run); a group is never on both sides of a split."),
        click.option("--time", default="", metavar="COLUMN", help="Column of times; without it, rows are in order."),
        click.option("--without", multiple=True, metavar="COLUMN", help="Column that is no input; repeatable."),
        click.option("--coverage", type=click.FloatRange(0.5, 0.99), default=0.9, show_default=True,
                     help="Nominal coverage of the intervals."),
        models_option,
    )  # fmt: skip
    wrapped: Any = bundled
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]


def train_on_data(name: str, options: DataOptions, json_: bool) -> None:
    """Train, write the package, and tell the quality on parts that were held out."""
    from inference import packaging
    from inference.standalone.tables import Roles
    from inference.standalone.task import Task
    from inference.standalone.training import quality_table, train_on

    if not options.path.exists():
        raise UsageError(f"--data {options.path}: no such file or folder")
    click.echo(f"training {name} ({options.kind}) on {options.path}", err=True)
    roles = Roles(options.target, options.groups, options.time, options.without)
    outcome = train_on(options.path, Task(options.kind, roles, options.good, options.coverage))
    for note in outcome.notes:
        click.echo(f"note: {note}", err=True)
    folder = options.models / name
    digest = packaging.save(outcome.model, folder)
    table = quality_table(outcome.model)
    if json_:
        print_json({"name": name, "kind": options.kind, "digest": digest, "quality": table})
        return
    click.echo(f"{name}: {options.kind}, digest {digest[:12]}, in {folder}; on parts held out:")
    for what, value in table.items():
        click.echo(f"  {what:<18}{value:>12.6g}")
