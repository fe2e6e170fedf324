"""The command that compares many plants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from monitor.commands.shared.options import as_json, load, plant_argument, print_json, table_format

if TYPE_CHECKING:
    from monitor.engine.lake import Format


@click.command()
@plant_argument
@click.option("--from", "results", required=True, metavar="URL", help="Folder with results of `gatewatch backfill`.")
@click.option("--to", "target", metavar="URL", help="Folder that gets the comparisons as tables, which are replaced.")
@click.option("--models", is_flag=True, help="Train one model for all plants and one each, and compare them.")
@table_format("comparisons")
@as_json
def fleet(
    plant: str, overrides: Sequence[str], results: str, target: str | None, models: bool, form: Format, json_: bool
) -> None:  # fmt: skip
    """Compare plants by the results of a backfill: findings, drift, models, and machines of one type over sites.

    Example: gatewatch fleet plant.yaml --from lake/judged --to lake/fleet --models
    """
    from exporters.html.formatting import escape_controls
    from monitor.engine.fleet.reading import compared_models, read_fleet
    from monitor.engine.fleet.writing import as_rows, lines_of, write_fleet

    loaded = load(plant, overrides).plant
    found = read_fleet(loaded, results)
    shared, left_out = compared_models(loaded, results) if models else ([], {})
    rows = as_rows(found, shared)
    if target is not None:
        write_fleet(target, rows, form)
    if json_:
        print_json({**rows, "left_out": left_out})
        return
    for line in lines_of(found, shared, left_out):
        click.echo(escape_controls(line))
