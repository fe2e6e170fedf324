"""The commands about drift: current findings, references, reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detectors.comparing.names import Name
from monitor.commands.shared.options import as_json, load, open_app, plant_option, print_json
from monitor.commands.shared.places import check_places, names_of, separator, write_whole
from monitor.errors import MonitorError, UsageError

if TYPE_CHECKING:
    from detectors.comparing.columns import Settings
    from monitor.plant.file.load import LoadedPlant
    from monitor.store.database.database import Store

_FILE = click.Path(path_type=Path)


@click.group()
def drift() -> None:
    """Drift of measurements and predictions."""


def _step(loaded: LoadedPlant, step: str) -> str:
    if step not in loaded.plant.steps:
        raise UsageError(f"step {step!r}: the plant file has no such step; it has {', '.join(loaded.plant.steps)}")
    return step


def _store(loaded: LoadedPlant) -> Store:
    from monitor.store.database.schema import open_existing

    return open_existing(loaded.plant.store.url)


@drift.command("show")
@click.argument("step", required=False)
@plant_option
@as_json
def drift_show(step: str | None, plant: str, overrides: Sequence[str], json_: bool) -> None:
    """Show the drift of each feature with its limit, worst first. Example: gatewatch drift show forging."""
    from monitor.store.watching.board import drift_findings

    loaded = load(plant, overrides)
    if step is not None:
        _step(loaded, step)
    store = _store(loaded)
    with store.read() as connection:
        rows = [row._asdict() for row in drift_findings(connection, step)]
    store.close()
    if json_:
        print_json(rows)
        return
    for r in rows:
        number, limit = ("-" if n is None else f"{n:.3g}" for n in (r["value"], r["limit"]))
        causes = f"  ({', '.join(r['causes'])})" if r["causes"] and not r["feature"] else ""
        click.echo(
            f"{r['subject']}  {r['detector']}  {r['feature'] or 'worst feature'}  {r['method']} {number} "
            f"against {limit}  {r['status'].replace('_', ' ')}{causes}"
        )
    if not rows:
        click.echo("no findings yet; the job 'drift' makes them")


@drift.command("list")
@plant_option
@as_json
def drift_list(plant: str, overrides: Sequence[str], json_: bool) -> None:
    """List every version of the frozen references. Example: gatewatch drift list -p plant.yaml."""
    from monitor.store.watching.references import versions

    store = _store(load(plant, overrides))
    with store.read() as connection:
        rows = [row._asdict() for row in versions(connection)]
    store.close()
    if json_:
        print_json(rows)
        return
    for r in rows:
        click.echo(
            f"{r['subject']}  {r['detector']}  version {r['version']}  {r['rows']} rows, arrivals "
            f"{r['first_arrival']}..{r['last_arrival']}  frozen {r['frozen_at']:%Y-%m-%d %H:%M}  "
            f"{r['digest'][:12]}  {r['cause']}"
        )
    if not rows:
        click.echo("no references; the job 'drift' freezes the first when a step has drift.reference_rows parts")


@drift.command("freeze")
@click.argument("step")
@plant_option
@as_json
@click.option("--cause", default="by command", show_default=True, help="Reason, shown in the list of references.")
def drift_freeze(step: str, plant: str, overrides: Sequence[str], json_: bool, cause: str) -> None:
    """Freeze a step's newest parts as its new reference.

    Example: gatewatch drift freeze forging --cause "new die".

    Do this when a deliberate change has settled: the newest drift.reference_rows parts should all be made after it.
    """
    from monitor.clock import WallClock
    from monitor.store.watching.references import freeze
    from monitor.windows.drift import newest_reference

    loaded = load(plant, overrides)
    store = _store(loaded)
    new = newest_reference(store, loaded.plant, _step(loaded, step), cause)
    if new is None:
        wanted = loaded.plant.drift.reference_rows
        raise UsageError(f"step {step!r}: fewer than {wanted} parts so far; wait, or lower drift.reference_rows")
    version = freeze(store, None, new, WallClock().now())
    store.close()
    if json_:
        print_json({"step": step, "version": version, "rows": new.rows, "digest": new.digest})
    else:
        click.echo(f"{step}: version {version}, {new.rows} rows, arrivals {new.first_arrival}..{new.last_arrival}")


@drift.command("report")
@click.argument("step")
@plant_option
def drift_report(step: str, plant: str, overrides: Sequence[str]) -> None:
    """Render Evidently's report of a step as HTML and JSON. Example: gatewatch drift report forging."""
    from monitor.reports.drift import ReportRequest, write_report
    from monitor.store.watching.board import drift_findings
    from monitor.windows.drift import StepWindows

    loaded = load(plant, overrides)
    _step(loaded, step)
    _store(loaded).close()
    with open_app(plant, overrides) as app:
        now = app.clock.now()
        windows = StepWindows(app.store, app.plant, app.models)
        if windows.state(step, None, now) is None:
            raise MonitorError(f"step {step!r}: no part has passed it yet")
        pair = windows.pair(step, None, now)
        with app.store.read() as connection:
            findings = [{**f._asdict(), "at": f.at.isoformat()} for f in drift_findings(connection, step)]
        reports = app.loaded.path.parent / "reports"
        file = write_report(reports, ReportRequest(step, pair, findings, now, "by command"), lambda: None)
    click.echo(f"{file}: written")


@drift.command("compare")
@click.argument("reference", type=_FILE)
@click.argument("current", type=_FILE)
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice([name.value for name in Name], case_sensitive=False),
    help="For the columns that it is for; once for numbers (by default wasserstein), once for categories "
    "(by default jensenshannon).",
)
@click.option("--by", default="", metavar="COLUMN", help="Slices, and whether their changed shares explain a drift.")
@click.option("--lots", default="", metavar="COLUMN", help="Column of lots, whose rows are alike.")
@click.option("--columns", default="", metavar="A,B", help="Columns to compare; by default all that can be.")
@click.option("--sep", default="", metavar="CHARACTER", help="Separator of CSV files; by default it is found out.")
@as_json
@click.option("--html", type=_FILE, metavar="FILE", help="Write a page.")
def drift_compare(
    reference: Path, current: Path, methods: Sequence[str], by: str, lots: str, columns: str, sep: str, json_: bool,
    html: Path | None,
) -> None:  # fmt: skip
    """Say which columns of a CSV or Parquet file differ from those of another; no plant is needed.

    Example: gatewatch drift compare may.csv june.csv --by recipe --lots melt --html june.html
    """
    from detectors.comparing.comparing import compare
    from detectors.comparing.files.reading import Asked, read_files
    from detectors.comparing.files.words import words
    from detectors.comparing.files.writing import compared_json, compared_page
    from detectors.standalone.reading import read_frame
    from exporters.html.formatting import escape_controls

    check_places({"REFERENCE": reference, "CURRENT": current}, {"--html": html})
    settings = _settings(methods)
    frames = (read_frame(reference, separator(sep)), read_frame(current, separator(sep)))
    files = read_files(frames, (reference, current), Asked(by, lots, names_of("--columns", columns)))
    for note in files.notes:
        click.echo(f"note: {escape_controls(note)}", err=True)
    compared = compare(files.columns, files.labels, settings)
    if html is not None:
        write_whole(html, compared_page(files, compared, settings).encode())
    if json_:
        print_json(compared_json(files, compared, settings))
    else:
        click.echo("\n".join(words(files, compared, settings)))


def _settings(names: Sequence[str]) -> Settings:
    """The methods that were named, one for each type of column at most."""
    from detectors.comparing.columns import Settings
    from detectors.comparing.methods import METHODS

    chosen = {"numbers": Settings().numbers, "categories": Settings().categories}
    for type_ in chosen:
        for_it = [name for name in dict.fromkeys(names) if getattr(METHODS[name], type_) is not None]
        if len(for_it) > 1:
            raise UsageError(f"--method {for_it[0]} and {for_it[1]} are both for columns of {type_}; name one")
        if for_it:
            chosen[type_] = METHODS[for_it[0]]
    return Settings(chosen["numbers"], chosen["categories"])
