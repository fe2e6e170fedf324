"""The command that judges the rows of a file."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.commands.shared.places import check_places, names_of, picture_format, separator, write_whole

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--time", default="", metavar="COLUMN", help="Column of times; without it, rows are numbered.")
@click.option("--sep", default="", metavar="CHARACTER", help="Separator of a CSV file; by default it is found out.")
@click.option("--sensors", default="", metavar="A,B", help="Columns to judge; by default all that hold numbers.")
@click.option("--train-rows", type=click.IntRange(min=1), metavar="N", help="First rows, which are known to be normal.")
@click.option(
    "--kind",
    type=click.Choice(["state", "event"]),
    default="state",
    show_default=True,
    help="state: the condition that the sensors show together; event: what each by itself has not shown before.",
)
@click.option("--out", type=_FILE, required=True, metavar="SCORES.CSV", help="Write a line a row.")
@click.option("--plot", type=_FILE, metavar="PICTURE", help="Draw the rows, as .png or .svg.")
def detect(
    file: Path, time: str, sep: str, sensors: str, train_rows: int | None, kind: str, out: Path, plot: Path | None
) -> None:
    """Judge the rows of a CSV or Parquet file, in order, by what its first rows show; no plant is needed.

    SCORES.CSV has a line for each row of FILE: time, score, limit, anomaly, change, top_sensor.
    Example: gatewatch detect pump.csv --time datetime --train-rows 400 --out scores.csv --plot scores.png
    """
    from detectors.standalone.drawing import FORMATS, picture
    from detectors.standalone.judging import Kind, judge, reference_rows
    from detectors.standalone.reading import read_frame, rows_of
    from detectors.standalone.writing import scores_text, summary

    format_ = picture_format(plot, FORMATS)
    check_places({"FILE": file}, {"--out": out, "--plot": plot})
    frame = read_frame(file, separator(sep))
    reference = reference_rows(Kind(kind), len(frame), train_rows)
    rows = rows_of(frame, file, time, names_of("--sensors", sensors), reference)
    for note in rows.notes:
        click.echo(f"note: {note}", err=True)
    judged = judge(Kind(kind), rows.values, None if rows.times is None else rows.times.instants, reference)
    write_whole(out, scores_text(judged, None if rows.times is None else rows.times.texts, rows.names).encode())
    if plot is not None:
        write_whole(plot, picture(judged, rows.values, rows.names, format_))
    click.echo(f"{out}: {summary(judged, rows.names)}", err=True)
