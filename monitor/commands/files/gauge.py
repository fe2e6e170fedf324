"""The command that judges a gauge by repeated measurements."""

from __future__ import annotations

import math
from pathlib import Path

import click

from monitor.commands.shared.options import as_json, print_json
from monitor.commands.shared.places import separator
from monitor.errors import UsageError


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--part", required=True, metavar="COLUMN", help="Column of the part that was measured.")
@click.option("--operator", required=True, metavar="COLUMN", help="Column of who, or what machine, measured it.")
@click.option("--value", required=True, metavar="COLUMN", help="Column of what was measured.")
@click.option("--tolerance", type=float, metavar="T", help="Width of the specification, in the unit of the values.")
@click.option("--sep", default="", metavar="CHARACTER", help="Separator of a CSV file; by default it is found out.")
@as_json
def gauge(
    file: Path, part: str, operator: str, value: str, tolerance: float | None, sep: str, json_: bool
) -> None:  # fmt: skip
    """Say how much of what is measured is the gauge (gauge R&R); FILE is CSV or Parquet with a line a measurement.

    Every operator has measured every part equally often, at least twice.
    Example: gatewatch gauge study.csv --part part --operator operator --value length --tolerance 0.5
    """
    from detectors.spc.anova import crossed
    from detectors.spc.files.gauge_words import gauge_words
    from detectors.spc.files.reading import read_study
    from detectors.spc.files.writing import gauge_json
    from detectors.spc.gauge import gauge as study
    from detectors.standalone.reading import read_frame

    if tolerance is not None and not (math.isfinite(tolerance) and tolerance > 0):
        raise UsageError(f"--tolerance {tolerance}: expected a number above 0")
    measured = read_study(read_frame(file, separator(sep)), file, part, operator, value)
    for note in measured.notes:
        click.echo(f"note: {note}", err=True)
    found = study(crossed(measured.parts, measured.operators, measured.values), tolerance)
    if json_:
        print_json({"file": str(file), "value": value, **gauge_json(found)})
    else:
        click.echo("\n".join(gauge_words(found, file, value)))
