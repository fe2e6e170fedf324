"""The command that charts a column of a file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.commands.shared.options import as_json, print_json
from monitor.commands.shared.places import check_places, picture_format, separator, write_whole
from monitor.errors import UsageError

if TYPE_CHECKING:
    from detectors.spc.capability import Specification

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--value", required=True, metavar="COLUMN", help="Column of what is measured.")
@click.option("--subgroup", default="", metavar="COLUMN", help="Column that is equal for rows that belong together.")
@click.option("--time", default="", metavar="COLUMN", help="Column of times, by which gaps are found.")
@click.option("--sep", default="", metavar="CHARACTER", help="Separator of a CSV file; by default it is found out.")
@click.option(
    "--chart",
    "kind",
    type=click.Choice(["xmr", "xbar-r", "xbar-s", "ewma", "cusum"]),
    help="By default xmr, or xbar-s with --subgroup.",
)
@click.option(
    "--rules",
    default="",
    metavar="RULES",
    help="nelson, western, 1 to 8 (Nelson's), w1 to w4, cusum, spread, with commas; by default 1,cusum.",
)
@click.option("--head-start", is_flag=True, help="Begin the sums of the CUSUM at half their limit.")
@click.option(
    "--phase1",
    default="",
    metavar="WINDOW",
    help="Points that set the limits: the first N, or FROM..TO as numbers of points or as times; by default all.",
)
@click.option("--low", type=float, metavar="L", help="Lower specification limit, for capability alone.")
@click.option("--high", type=float, metavar="H", help="Upper specification limit, for capability alone.")
@as_json
@click.option("--out", type=_FILE, metavar="POINTS.CSV", help="Write a line a point.")
@click.option("--plot", type=_FILE, metavar="PICTURE", help="Draw the chart, as .png or .svg.")
def spc(
    file: Path, value: str, subgroup: str, time: str, sep: str, kind: str | None, rules: str, head_start: bool,
    phase1: str, low: float | None, high: float | None, json_: bool, out: Path | None, plot: Path | None,
) -> None:  # fmt: skip
    """Say whether a column of a CSV or Parquet file is in statistical control; no plant is needed.

    Limits come from phase 1, never from the specification.
    Example: gatewatch spc shafts.csv --value diameter --time at --phase1 100 --low 9.9 --high 10.1 --plot chart.png
    """
    from detectors.spc.files.charting import Asked, Chart, chart
    from detectors.spc.files.drawing import picture
    from detectors.spc.files.reading import read_column
    from detectors.spc.files.words import words
    from detectors.spc.files.writing import chart_json, points_text
    from detectors.standalone.drawing import FORMATS
    from detectors.standalone.reading import read_frame

    format_ = picture_format(plot, FORMATS)
    check_places({"FILE": file}, {"--out": out, "--plot": plot})
    specification = _specification(low, high)
    column = read_column(read_frame(file, separator(sep)), file, value, time, subgroup)
    asked = Asked(None if kind is None else Chart(kind), rules, head_start)
    charted = chart(file, column, asked, phase1, specification)
    for note in charted.notes:
        click.echo(f"note: {note}", err=True)
    if out is not None:
        write_whole(out, points_text(charted).encode())
    if plot is not None:
        write_whole(plot, picture(charted, format_))
    if json_:
        print_json(chart_json(charted))
    else:
        click.echo("\n".join(words(charted)))


def _specification(low: float | None, high: float | None) -> Specification | None:
    from detectors.spc.capability import Specification

    for option, value in (("--low", low), ("--high", high)):
        if value is not None and not math.isfinite(value):
            raise UsageError(f"{option} {value}: expected a number")
    if low is not None and high is not None and low >= high:
        raise UsageError(f"--low {low:g} is not below --high {high:g}; expected a specification with room in it")
    return None if low is None and high is None else Specification(low, high)
