"""The command that judges the histories of many plants at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from monitor.commands.shared.options import Instant, as_json, load, plant_argument, print_json, table_format
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.engine.lake import Format
    from monitor.engine.pieces.given_models import GivenModel
    from monitor.plant.file.load import LoadedPlant


@click.command()
@plant_argument
@click.option("--from", "history", required=True, metavar="URL", help="Folder with a Delta or Parquet table a source.")
@click.option("--to", "results", required=True, metavar="URL", help="Folder that gets the tables of results.")
@click.option(
    "--engine",
    default="local",
    show_default=True,
    metavar="ENGINE",
    help="local, sail, spark (on a cluster), or a Spark master or Connect URL.",
)
@click.option("--only", type=click.Choice(["machines", "steps"]), help="Judge machines or steps alone.")
@click.option(
    "--models/--no-models",
    "with_models",
    default=True,
    show_default=True,
    help="Judge with the models in force in the plant's store, or without any.",
)
@click.option("--start", type=Instant(), help="Slots after this time.  [default: the first row]")
@click.option("--end", type=Instant(), help="Slots up to this time.  [default: until all is judged]")
@click.option(
    "--tasks", type=click.IntRange(1), default=64, show_default=True, help="On Spark: how many tasks share the plants."
)
@table_format("results")
@as_json
def backfill(
    plant: str, overrides: Sequence[str], history: str, results: str, engine: str, only: str | None, with_models: bool,
    start: datetime | None, end: datetime | None, tasks: int, form: Format, json_: bool,
) -> None:  # fmt: skip
    """Judge the histories of many plants that share one plant file; the tables of --to are replaced.

    Every table of --from is named after a source of the plant file and has its columns, and `site`, which names the
    plant of each row. Findings and decisions are those that `gatewatch replay` would store, plant by plant.

    Example: gatewatch backfill plant.yaml --from lake/raw --to lake/judged --engine sail
    """
    from monitor.engine.pieces.backfill import Backfill, Part
    from monitor.engine.pieces.timing import Span
    from monitor.engine.running import run

    if start is not None and end is not None and start >= end:
        raise UsageError(f"--start {start} is not before --end {end}")
    loaded = load(plant, overrides)
    parts = frozenset(Part) if only is None else frozenset({Part(only)})
    models = _models(loaded) if with_models and Part.STEPS in parts else ()
    work = Backfill.of(loaded.plant, loaded.digest, Span(start, end), parts, models)
    rows = run(work, engine, history, results, form, tasks)
    if json_:
        print_json({"to": results, "rows": rows})
        return
    for name, count in rows.items():
        click.echo(f"{name}: {count} rows")


def _models(loaded: LoadedPlant) -> tuple[GivenModel, ...]:
    """The models in force in the plant's store."""
    from monitor.engine.pieces.given_models import models_in_force
    from monitor.runtime.app import make_registry
    from monitor.store.database.schema import open_existing

    if not loaded.plant.gates:
        return ()
    store = open_existing(loaded.plant.store.url)
    try:
        return models_in_force(store, make_registry(loaded.plant))
    finally:
        store.close()
