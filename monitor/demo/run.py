"""`gatewatch demo`: a simulated plant with faults, run through the real pipeline, and a summary of the results."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path

import click

from monitor.clock import SimulatedClock, WallClock
from monitor.demo.on_call import answer
from monitor.demo.report import write_demo_report
from monitor.demo.savings import sum_up_savings
from monitor.demo.summary import REPLAY, as_text, summarise
from monitor.demo.timing import FEED, Timing
from monitor.demo.truth import FILE as TRUTH
from monitor.demo.truth import MARK, write_truth
from monitor.errors import MonitorError, UsageError
from monitor.plant.file.load import LoadedPlant, load, parse
from monitor.plant.plant import Plant
from monitor.runtime.app import App, make_app
from monitor.runtime.progress import Progress
from monitor.runtime.recording import RecordingOptions, recording
from monitor.runtime.replay import replay
from monitor.scheduling.runner import SlotOutcome
from monitor.simulator.faults import DEFAULT_SCRIPT
from monitor.simulator.feed import Feed
from monitor.simulator.history import History, simulate
from monitor.simulator.people.operator import STEP, Operator

_SERVED_HOURS = 24.0
_PICTURES = timedelta(days=1)
"""How long pictures are judged, because that takes longer than judging numbers."""
_DECIDE_BY = timedelta(hours=4)
_ALERTS = "alerts: {every: 30m}\n"
_WITHOUT_ABSENT = """alerts:
  every: 30m
  change:
    ModelDegraded: {absent: false}  # a gate that decides later has no accuracy before
"""
_FILES = ("mes.db", "historian.db", "gatewatch.db", "mlflow.db", "plant.yaml", TRUTH, "notifications.jsonl")
_FOLDERS = ("models", "mlartifacts", "reports")
_LAZY_IMPORTS = ("detectors.stream.roster", "inference.models.shapes.shape", "river.anomaly", "scipy.stats")
"""Modules that jobs import at first use."""


def run_demo(
    folder: Path,
    seed: int,
    days: float,
    json_: bool,
    serve: bool,
    port: int,
    faults: bool = True,
    end: datetime | None = None,
    openmetrics: RecordingOptions | None = None,
) -> None:
    """Run the demo in its folder, which is emptied first. The history ends at `end`, by default now.

    `faults` is whether faults are injected. `openmetrics` is for recording the metrics of the replay.
    """
    timing = Timing()
    if serve:
        from monitor.web.server import check_can_listen

        check_can_listen("127.0.0.1", port)
    _empty_folder(folder)
    wall = WallClock()
    end = (end or wall.now()).replace(microsecond=0)
    start = end - timedelta(days=days)
    with timing.phase("simulate the plant"):
        script = DEFAULT_SCRIPT if faults else ()
        history = simulate(seed, start, days, script, extra_hours=_SERVED_HOURS if serve else 0.0)
        write_truth(folder, history.truth)
    loaded = _plant(folder, start, end, port)
    feed = _feed(loaded, history)
    with feed:
        with timing.phase("open the plant"):
            feed.create()
            clock = SimulatedClock(start)
            app = make_app(loaded, clock, simulated=True)
            app.trainer.start()
        with timing.phase("load the libraries"):
            _load_libraries(app)
        operator = _operator(loaded.plant, history, feed)
        with timing.phase(REPLAY):
            _replay(app, clock, start, end, operator, feed, openmetrics, timing)
        with timing.phase("sum up"):
            truth = {**history.truth, "operator": operator.record()}
            write_truth(folder, truth)
            sum_up_savings(app.store, loaded.plant, start, end)
            summary = summarise(app.store, loaded.plant, truth, end)
        with timing.phase("write the report"):
            file = folder / "reports" / "report.html"
            write_demo_report(file, app.store, loaded.plant, truth, summary, end)
            summary["report"] = str(file)
        summary["seconds"] = timing.as_data()
        app.close()
        if json_:
            click.echo(json.dumps(summary, indent=2, sort_keys=True, default=str))
        else:
            click.echo(as_text(summary))
        if serve:
            _serve(loaded, lambda: _advance(operator, feed, wall.now()))


def _empty_folder(folder: Path) -> None:
    """Create the demo folder or empty it; UsageError if it holds anything but a demo."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--dir {folder}: it is a file; name a folder")
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise UsageError(f"--dir {folder}: it holds other files; name an empty or a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()
    for name in _FILES:
        for suffix in ("", "-wal", "-shm", "-journal"):
            (folder / f"{name}{suffix}").unlink(missing_ok=True)
    for name in _FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)


def _plant(folder: Path, start: datetime, end: datetime, port: int) -> LoadedPlant:
    """The demo's plant file, whose gates decide from `start` on: earlier parts are history to learn from.

    Gates of pictures decide in the last day before `end` only.

    It is written without overrides, so that every other command run on it uses the same plant.
    """
    file = folder / "plant.yaml"
    text = files("monitor.simulator").joinpath("plant.yaml").read_text(encoding="utf-8")
    later = max(start, end - _PICTURES)
    for gate in parse(text, folder).plant.gates.values():
        since = start if gate.picture is None else later
        model = f"    model: {gate.model}\n"
        text = text.replace(model, f'{model}    since: "{since.isoformat()}"  # what passed before is to learn from\n')
    if later > start:
        text = text.replace(_ALERTS, _WITHOUT_ABSENT)
    file.write_text(f"{text}server:\n  port: {port}\n", encoding="utf-8")
    return load(file)


def _feed(loaded: LoadedPlant, history: History) -> Feed:
    sources = loaded.plant.sources
    return Feed(history, sources["mes"].url, sources["historian"].url)


def _operator(plant: Plant, history: History, feed: Feed) -> Operator:
    """Who acts on what the gate at his step recommends."""
    gate = next(gate for gate in plant.gates.values() if gate.step == STEP)
    corrections = {} if gate.costs is None else gate.costs.corrections
    decide_by = plant.steps[STEP].decide_by or _DECIDE_BY
    return Operator(history, feed, {name: one.success for name, one in corrections.items()}, decide_by)


def _advance(operator: Operator, feed: Feed, now: datetime) -> int:
    """What the operator does goes in before what is posted up to now."""
    operator.act(now)
    return feed.advance(now)


def _load_libraries(app: App) -> None:
    """Import what the first slots need, to keep it out of their timing; the trainer imports in parallel."""
    for module in _LAZY_IMPORTS:
        importlib.import_module(module)
    app.registry.connect()


def _replay(
    app: App,
    clock: SimulatedClock,
    start: datetime,
    end: datetime,
    operator: Operator,
    feed: Feed,
    openmetrics: RecordingOptions | None,
    timing: Timing,
) -> None:
    errors: list[str] = []
    with recording(app, openmetrics, start, end) as record, Progress("replay", start, end) as progress:

        def before(slot: datetime) -> None:
            record(slot)
            _advance(operator, feed, slot)
            answer(app.store, slot)
            timing.lap(FEED)

        for at, name, slot in replay(app, clock, start, end, before):
            timing.lap(name)
            progress.reached(at)
            if slot.outcome is SlotOutcome.FAILURE:
                errors.append(f"{at:%Y-%m-%d %H:%M} {name}: {slot.error}")
    if errors:
        raise MonitorError(f"{len(errors)} runs failed; the first: {errors[0]}")


def _serve(loaded: LoadedPlant, feed: Callable[[], object]) -> None:
    from monitor.runtime.service import Service

    app = make_app(loaded, WallClock(), simulated=False)
    reports = loaded.path.parent / "reports"
    click.echo(f"the simulated plant goes on for {_SERVED_HOURS:.0f} hours; end with Ctrl-C", err=True)
    Service(app, lambda: loaded, reports, feed).run(click.echo)
