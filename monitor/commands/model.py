"""The commands about the model versions of a gate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.commands.shared.data import DataOptions, data_options, models_option, train_on_data
from monitor.commands.shared.options import as_json, load, open_app, open_store_of, plant_option, print_json
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.model import JsonObject
    from monitor.plant.plant import Plant
    from monitor.store.models.retraining import RetrainingRequest


@click.group()
def model() -> None:
    """Models of the gates."""


@model.command("list")
@plant_option
@as_json
def model_list(plant: str, overrides: Sequence[str], json_: bool) -> None:
    """List versions with their status and comparison. Example: gatewatch model list -p plant.yaml."""
    from monitor.store.models import retraining
    from monitor.store.models.versions import list_versions

    store = open_store_of(plant, overrides)
    with store.read() as connection:
        versions = [v._asdict() for v in list_versions(connection)]
        requests = retraining.list_requests(connection)
    store.close()
    rows = [{**v, "retraining": _retraining_of(v, requests)} for v in versions]
    if json_:
        print_json(rows)
        return
    for row in rows:
        for line in _lines(row):
            click.echo(line)
    if not rows:
        click.echo("no versions; 'gatewatch model train GATE' makes one")


def _retraining_of(version: JsonObject, requests: Sequence[RetrainingRequest]) -> JsonObject | None:
    """The request that this version was trained for."""
    key = (version["gate"], version["version"])
    matching = [r for r in requests if (r.gate, r.challenger) == key and r.data_digest]
    if not matching:
        return None
    names = ("cause", "state", "reason", "requested_at", "finished_at", "champion", "data_digest", "comparison")
    return {name: getattr(matching[-1], name) for name in names}


def _lines(row: JsonObject) -> Iterator[str]:
    skill = row["metrics"].get("skill", float("nan"))
    # Of classes, how well good parts and others are told apart.
    name, key = ("AUROC", "auroc") if "auroc" in row["metrics"] else ("R2", "r2")
    fit = row["metrics"].get(key, float("nan"))
    yield (
        f"{row['gate']}  {row['model']} version {row['version']}  {row['status']}  trained "
        f"{row['trained_at']:%Y-%m-%d %H:%M} on {row['rows']} parts  skill {skill:.2f}  {name} {fit:.2f}  "
        f"{row['digest'][:12]}"
    )
    request = row["retraining"]
    if request is None:
        return
    yield f"    requested by {request['cause']}; {request['state']}: {request['reason'].replace('_', ' ')}"
    overall = (request["comparison"] or {}).get("overall")
    if overall:
        yield (
            f"    on {overall['rows']:.0f} newer parts: mean error {overall['challenger']:.2f} against "
            f"{overall['champion']:.2f} of version {request['champion']}; gain {overall['gain']:.2f}, "
            f"between {overall['low']:.2f} and {overall['high']:.2f}"
        )


@model.command("retrain")
@click.argument("gate")
@plant_option
@as_json
def model_retrain(gate: str, plant: str, overrides: Sequence[str], json_: bool) -> None:
    """Request a retraining, decided and compared as after an alert, but without the limits for alerts.

    If another process runs the plant's retraining job, the request waits for that job's next slot.
    Example: gatewatch model retrain forging
    """
    from alerting.retraining import DESCRIPTIONS
    from monitor.jobs.retraining import RetrainingJob
    from monitor.model import RetrainingReason
    from monitor.scheduling.job import Run
    from monitor.store.models import retraining

    _plant_with(plant, overrides, gate)
    with open_app(plant, overrides) as app:
        now = app.clock.now()
        job = next(job for job in app.jobs if isinstance(job, RetrainingJob))
        lease = app.runner.lease(job)
        if lease is None:
            with app.store.write() as connection:
                key = f"{retraining.MANUAL}:{gate}:{now.isoformat()}"
                retraining.add_request(connection, gate, retraining.MANUAL, key, now)
                row = retraining.request_by_key(connection, key)
        else:
            row = job.request(Run(now, now, lease, partial(app.runner.beat, lease), app.runner.stop.is_set), gate)
    if json_:
        print_json(row._asdict())
        return
    reason = DESCRIPTIONS.get(RetrainingReason(row.reason), row.reason.replace("_", " "))
    version = f"; version {row.challenger}" if row.challenger else ""
    click.echo(f"{gate}: {row.state}: {reason}{version}")


@model.command("rollback")
@click.argument("gate")
@click.option("--to", "version", metavar="VERSION", help="Roll back to this version instead of the previous one.")
@plant_option
@as_json
def model_rollback(gate: str, version: str | None, plant: str, overrides: Sequence[str], json_: bool) -> None:
    """Put the previous version in force again. Works while MLflow is down if the version is in the cache.

    Requests from alerts then wait for the gate's cooldown. Example: gatewatch model rollback forging
    """
    from monitor.clock import WallClock
    from monitor.gate_models.rollback import roll_back
    from monitor.runtime.app import make_registry
    from monitor.store.database.schema import open_existing

    loaded_plant = _plant_with(plant, overrides, gate)
    store, registry = open_existing(loaded_plant.store.url), make_registry(loaded_plant)
    before, after = roll_back(store, registry, gate, version, WallClock().now())
    store.close()
    if json_:
        print_json({"gate": gate, "before": before, "in_force": after})
        return
    click.echo(f"{gate}: version {after} is in force again, in place of version {before}")


def _plant_with(plant: str, overrides: Sequence[str], gate: str) -> Plant:
    """The plant; UsageError if it has no such gate."""
    loaded = load(plant, overrides).plant
    if gate not in loaded.gates:
        raise UsageError(f"gate {gate!r}: the plant file has no such gate; it has {', '.join(loaded.gates) or 'none'}")
    return loaded


@model.command("train")
@click.argument("name")
@plant_option
@as_json
@click.option("--put-in-force", is_flag=True, help="Put the new version of a gate in force.")
@data_options
def model_train(
    name: str, plant: str, overrides: Sequence[str], json_: bool, put_in_force: bool, data: DataOptions | None
) -> None:
    """Train a version of a gate on the outcomes so far and register it; or, with --data, a model on any data.

    The first version of a gate is put in force, a later one only with --put-in-force. With --data, NAME is that of the
    model, and no plant file is read: the data is a CSV file, or for --kind image a folder with a subfolder a class.
    Examples: gatewatch model train forging
    gatewatch model train strips --kind image --data images/ --good free
    gatewatch model train press --kind classifier --data parts.csv --target verdict --groups lot --time made_at
    """
    if data is not None:
        train_on_data(name, data, json_)
    else:
        _train_gate(name, plant, overrides, json_, put_in_force)


@model.command("score")
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path))
@models_option
@click.option("--time", default="", metavar="COLUMN", help="Order of the rows, for a forecast.")
@click.option(
    "--map",
    "maps",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write each image into this folder, painted where it is unlike good ones.",
)
@as_json
def model_score(name: str, path: Path, models: Path, time: str, maps: Path | None, json_: bool) -> None:
    """Score the rows of a CSV file, an image, or the images of a folder by a model that was trained with --data.

    With --json a line an item, in order. Example: gatewatch model score strips new-images/ --map maps/
    """
    from inference.standalone.scoring import score
    from monitor.commands.shared.pictures import write_png

    def draw(image: Path, png: bytes) -> None:
        assert maps is not None  # noqa: S101 - narrows the type
        write_png(maps, f"{image}.png", png)

    for line in score(models / name, path, time, None if maps is None else draw):
        click.echo(
            json.dumps(line, allow_nan=False) if json_ else "  ".join(f"{k} {_shown(v)}" for k, v in line.items())
        )


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _train_gate(gate: str, plant: str, overrides: Sequence[str], json_: bool, put_in_force: bool) -> None:
    from monitor.gate_models.registry import put_in_force as put
    from monitor.gate_models.registry import train_version
    from monitor.store.models.versions import list_versions, model_in_force

    _plant_with(plant, overrides, gate)
    open_store_of(plant, overrides).close()
    with open_app(plant, overrides) as app:
        now = app.clock.now()
        version = train_version(app.store, app.plant, app.trainer, gate, now, now, None)
        with app.store.read() as connection:
            current = model_in_force(connection, gate)
            key = (version.model, version.version)
            row = next(v for v in list_versions(connection, gate) if (v.model, v.version) == key)
        changes = current.changes if current else 0
        in_force = (current is not None and (current.model, current.version) == key) or (
            (current is None or put_in_force) and put(app.store, app.registry, None, gate, row, changes, now)
        )
    if json_:
        print_json({**version.metrics, "version": version.version, "digest": version.digest, "in_force": in_force})
        return
    click.echo(
        f"{gate}: {version.model} version {version.version}, trained on {version.rows} parts, "
        f"skill {version.metrics['skill']:.2f}; {'in force' if in_force else 'registered, not in force'}"
    )
