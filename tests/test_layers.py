"""Imports point one way: who may know whom, read from the source and from what a light command loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from plant_kit import make_plant

ROOT = Path(__file__).parents[1]
PACKAGES = ("monitor", "detectors", "inference", "exporters", "alerting", "dashboards")

ROOMS: dict[str, tuple[str, ...]] = {
    "alerting": (),
    "alerting.specs": (),
    "alerting.quality": ("alerting.specs",),
    "detectors": (),
    "detectors.shared": (),
    "detectors.attribution": ("detectors.shared",),
    "detectors.spc": (),
    "exporters": (),
    "exporters.html": ("alerting.quality",),
    "inference.tracking": (),
    "inference.vision": (),
    "monitor": (),
    "monitor.simulator": (),
    "monitor.simulator.people": ("monitor.simulator",),
    "monitor.store.database": (),
    "detectors.events": ("detectors.shared",),
    "detectors.condition": ("detectors.shared",),
    "detectors.trend": ("detectors.shared",),
    "detectors.stream": ("detectors.condition", "detectors.events", "detectors.shared", "detectors.trend"),
    "detectors.comparing": ("detectors.shared",),
    "detectors.charts": ("detectors.shared", "detectors.spc"),
    "detectors.window": ("detectors.charts", "detectors.comparing", "detectors.shared", "detectors.spc"),
    "exporters.report": ("alerting.quality", "exporters.html"),
    "exporters.report.ranking": ("exporters.html", "exporters.report"),
    "inference.models": ("inference.vision",),
    "inference.models.shapes": ("inference.models", "inference.vision"),
    "inference.models.tables": ("inference.models",),
    "inference": ("inference.models", "inference.models.tables", "inference.tracking"),
    "inference.policy": ("inference", "inference.models", "inference.models.tables"),
    "inference.steps": ("inference.models", "inference.models.tables"),
    "inference.standalone": ("inference", "inference.models", "inference.policy"),
    "detectors.standalone": ("detectors.condition", "detectors.events", "detectors.shared", "inference.standalone"),
    "detectors.comparing.files": (
        "detectors.comparing", "detectors.standalone", "exporters.html", "inference.standalone",
    ),
    "detectors.spc.files": ("detectors.spc", "detectors.standalone", "inference.standalone"),
    "monitor.store.models": ("monitor.store.database",),
    "monitor.plant": ("detectors.spc", "inference", "inference.policy", "inference.tracking"),
    "alerting.handling": ("monitor.plant",),
    "monitor.store.rows": ("monitor.store.database", "monitor.store.models"),
    "monitor.store.parts": ("monitor.store.database",),
    "exporters.delivery.shared": (),
    "exporters.delivery.channels": ("exporters.delivery.shared",),
    "exporters.delivery": ("exporters.delivery.channels", "monitor.plant"),
    "exporters.metrics.shared": ("alerting.quality", "monitor.plant"),
    "monitor.plant.file": ("alerting.specs", "inference.tracking", "monitor.plant"),
    "monitor.sources.typed": ("monitor.plant",),
    "monitor.confirming": (
        "inference.policy", "monitor.plant", "monitor.store.database", "monitor.store.rows",
    ),
    "monitor.store.delivery": ("monitor.store.database", "monitor.store.rows"),
    "alerting.alerts": ("alerting.handling", "alerting.specs", "exporters.metrics.shared", "monitor.plant"),
    "alerting.notifications.languages": ("alerting.specs",),
    "alerting.notifications": (
        "alerting.notifications.languages", "alerting.quality", "alerting.specs", "exporters.metrics.shared",
    ),
    "exporters.metrics.families": ("alerting.quality", "exporters.metrics.shared", "monitor.plant"),
    "monitor.connecting": ("monitor.plant", "monitor.sources.typed"),
    "monitor.sources.sql": ("monitor.connecting", "monitor.plant", "monitor.sources.typed"),
    "monitor.store.watching": (
        "alerting.alerts", "alerting.handling", "alerting.notifications", "alerting.notifications.languages",
        "alerting.specs",
        "detectors.attribution", "detectors.stream",
        "detectors.window", "exporters.metrics.shared", "monitor.plant", "monitor.store.database",
    ),
    "monitor.store.report": (
        "alerting.notifications", "alerting.quality", "detectors.window", "exporters.html", "exporters.report",
        "inference.policy", "monitor.plant",
        "monitor.store.database", "monitor.store.delivery", "monitor.store.rows", "monitor.store.watching",
    ),
    "exporters.metrics": ("exporters.metrics.families", "exporters.metrics.shared"),
    "exporters.pages": (
        "alerting.specs", "exporters.html", "exporters.metrics.families", "exporters.metrics.shared",
    ),
    "exporters.pages.alarms": ("alerting.quality", "exporters.html", "exporters.pages"),
    "exporters.pages.subjects": (
        "alerting.specs", "exporters.html", "exporters.metrics.families", "exporters.metrics.shared", "exporters.pages",
        "monitor.plant",
    ),
    "monitor.sources.lake": ("monitor.plant", "monitor.sources.typed"),
    "monitor.sources": ("monitor.plant", "monitor.sources.lake", "monitor.sources.sql"),
    "dashboards.blocks": ("exporters.metrics",),
    "monitor.store.lake": ("monitor.store.database", "monitor.store.rows"),
    "monitor.store": (
        "alerting.notifications",
        "exporters.metrics.shared", "exporters.report", "monitor.store.database", "monitor.store.delivery",
        "monitor.store.lake", "monitor.store.models",
        "monitor.store.parts", "monitor.store.report", "monitor.store.rows", "monitor.store.watching",
    ),
    "monitor.web": (
        "alerting.alerts", "alerting.handling", "exporters.html", "exporters.metrics", "exporters.metrics.shared",
        "exporters.pages", "exporters.pages.alarms", "exporters.pages.subjects", "monitor.plant", "monitor.store",
        "monitor.store.database", "monitor.store.watching",
    ),
    "dashboards.rows": ("alerting.specs", "dashboards.blocks"),
    "monitor.pipeline.intake": ("monitor.store.rows",),
    "monitor.pipeline": (
        "detectors.stream", "inference.models", "inference.models.tables", "inference.policy", "monitor.confirming",
        "monitor.pipeline.intake", "monitor.plant", "monitor.store", "monitor.store.database",
        "monitor.store.delivery", "monitor.store.rows",
    ),
    "monitor.scheduling": ("monitor.store", "monitor.store.database"),
    "dashboards.boards": ("dashboards.blocks", "dashboards.rows"),
    "monitor.delivery": (
        "alerting.alerts", "alerting.notifications", "alerting.notifications.languages", "exporters.delivery",
        "exporters.metrics.families",
        "exporters.metrics.shared", "monitor.plant", "monitor.scheduling", "monitor.store.database",
        "monitor.store.delivery",
    ),
    "monitor.gate_models": (
        "alerting", "inference", "inference.models", "inference.models.tables", "inference.policy",
        "inference.tracking", "monitor.confirming", "monitor.pipeline", "monitor.plant", "monitor.plant.file",
        "monitor.scheduling", "monitor.store", "monitor.store.database", "monitor.store.models", "monitor.store.rows",
        "monitor.store.watching",
    ),
    "dashboards": ("dashboards.blocks", "dashboards.boards"),
    "monitor.windows": (
        "detectors.attribution", "detectors.shared", "detectors.window", "inference", "inference.models",
        "inference.models.tables",
        "inference.policy", "monitor.gate_models",
        "monitor.pipeline", "monitor.plant", "monitor.store.database", "monitor.store.models", "monitor.store.parts",
        "monitor.store.rows",
        "monitor.store.watching",
    ),
    "monitor.reports.part": (
        "exporters.html", "inference.policy", "monitor.plant", "monitor.store.database", "monitor.store.delivery",
        "monitor.store.models", "monitor.store.parts", "monitor.store.rows",
    ),
    "monitor.reports": (
        "dashboards", "dashboards.blocks", "detectors.window", "exporters.html", "exporters.metrics.shared",
        "exporters.report", "exporters.report.ranking", "inference.policy",
        "inference.steps", "monitor.gate_models", "monitor.plant", "monitor.plant.file", "monitor.reports.part",
        "monitor.store.database", "monitor.store.delivery", "monitor.store.parts", "monitor.store.report",
        "monitor.store.rows", "monitor.store.watching", "monitor.windows",
    ),
    "monitor.jobs.pulling": (
        "monitor.pipeline", "monitor.pipeline.intake", "monitor.plant", "monitor.scheduling", "monitor.store",
        "monitor.store.database", "monitor.store.rows",
    ),
    "monitor.drills": (
        "alerting.notifications", "exporters.delivery", "exporters.metrics.shared", "monitor.plant",
        "monitor.scheduling",
        "monitor.store.database", "monitor.store.delivery",
    ),
    "monitor.lake": (
        "monitor.delivery", "monitor.plant", "monitor.scheduling", "monitor.store.database", "monitor.store.lake",
        "monitor.store.rows",
    ),
    "monitor.silences": (
        "alerting.alerts", "exporters.delivery", "monitor.plant", "monitor.scheduling", "monitor.store.database",
        "monitor.store.watching",
        "monitor.web",
    ),
    "monitor.jobs": (
        "alerting.alerts", "alerting.handling", "alerting.notifications", "alerting.notifications.languages",
        "alerting.specs", "detectors.attribution", "detectors.charts",
        "detectors.window",
        "exporters.metrics", "exporters.metrics.shared", "monitor.delivery", "monitor.gate_models",
        "monitor.jobs.pulling", "monitor.pipeline", "monitor.plant", "monitor.plant.file",
        "monitor.reports", "monitor.scheduling", "monitor.store", "monitor.store.database", "monitor.store.delivery",
        "monitor.store.models", "monitor.store.report", "monitor.store.rows", "monitor.store.watching",
        "monitor.windows",
    ),
    "monitor.runtime.workers": (
        "monitor.jobs", "monitor.jobs.pulling", "monitor.pipeline", "monitor.plant", "monitor.plant.file",
        "monitor.scheduling", "monitor.sources", "monitor.store.database",
    ),
    "monitor.runtime": (
        "alerting.alerts", "alerting.handling", "alerting.notifications", "exporters.delivery",
        "exporters.metrics", "exporters.metrics.shared", "exporters.pages", "exporters.pages.alarms", "inference",
        "monitor.connecting", "monitor.delivery", "monitor.drills",
        "monitor.gate_models", "monitor.jobs", "monitor.jobs.pulling", "monitor.lake", "monitor.plant",
        "monitor.plant.file",
        "monitor.reports", "monitor.reports.part", "monitor.runtime.workers", "monitor.scheduling", "monitor.silences",
        "monitor.sources", "monitor.sources.sql",
        "monitor.store", "monitor.store.database", "monitor.store.report", "monitor.store.rows",
        "monitor.store.watching", "monitor.web",
    ),
    "monitor.engine.pieces": (
        "exporters.metrics.shared", "inference", "monitor.gate_models", "monitor.jobs", "monitor.jobs.pulling",
        "monitor.pipeline", "monitor.pipeline.intake", "monitor.plant", "monitor.scheduling", "monitor.sources.typed",
        "monitor.store", "monitor.store.database", "monitor.store.models", "monitor.store.rows",
        "monitor.store.watching",
    ),
    "monitor.engine": ("monitor.engine.pieces", "monitor.simulator", "monitor.sources.typed"),
    "monitor.engine.fleet": ("inference", "inference.models", "monitor.engine", "monitor.plant"),
    "monitor.commands.shared": (
        "alerting.handling", "inference", "inference.standalone", "monitor.plant", "monitor.plant.file",
        "monitor.runtime", "monitor.store.database",
    ),
    "monitor.commands.files": (
        "detectors.spc", "detectors.spc.files", "detectors.standalone", "monitor.commands.shared",
    ),
    "monitor.demo": (
        "alerting.alerts", "alerting.handling", "alerting.notifications", "alerting.specs", "detectors.attribution",
        "exporters.html", "exporters.report", "inference.policy", "monitor.plant", "monitor.plant.file",
        "monitor.reports", "monitor.runtime",
        "monitor.scheduling", "monitor.simulator", "monitor.simulator.people", "monitor.store.database",
        "monitor.store.delivery", "monitor.store.models", "monitor.store.report", "monitor.store.rows",
        "monitor.store.watching", "monitor.web",
    ),
    "monitor.commands.alarms": (
        "alerting.alerts", "alerting.handling", "alerting.notifications", "alerting.notifications.languages",
        "alerting.specs", "exporters.html", "exporters.metrics.shared", "monitor.commands.shared", "monitor.delivery",
        "monitor.demo", "monitor.plant", "monitor.plant.file", "monitor.store.database", "monitor.store.delivery",
        "monitor.store.watching",
    ),
    "monitor.commands": (
        "alerting", "dashboards",
        "detectors.comparing", "detectors.comparing.files", "detectors.standalone", "exporters.html", "exporters.pages",
        "inference.standalone", "monitor.commands.shared", "monitor.connecting", "monitor.demo",
        "monitor.drills",
        "monitor.gate_models", "monitor.jobs", "monitor.plant", "monitor.plant.file", "monitor.reports",
        "monitor.reports.part",
        "monitor.runtime", "monitor.scheduling", "monitor.store", "monitor.store.database", "monitor.store.delivery",
        "monitor.store.models", "monitor.store.parts", "monitor.store.rows", "monitor.store.watching",
        "monitor.windows",
    ),
    "monitor.commands.plants": (
        "exporters.html", "monitor.commands.shared", "monitor.engine", "monitor.engine.fleet", "monitor.engine.pieces",
        "monitor.plant.file", "monitor.runtime", "monitor.store.database",
    ),
    "monitor.cli": (
        "monitor.commands", "monitor.commands.alarms", "monitor.commands.files", "monitor.commands.plants",
    ),
}  # fmt: skip
"""Every room, from the bottom up, with the rooms it imports from; each may also import the root of `monitor`.

The root holds what everyone may know (model, ports, errors, clock ...); `monitor.cli` stands on top. A room may only
name rooms that are listed above it, so no circle can be written down.
"""

HEAVY: dict[str, tuple[str, ...]] = {
    "apprise": ("exporters.delivery.channels.apprise",),
    "deltalake": ("monitor.engine.lake", "monitor.lake.delta", "monitor.sources.lake.delta"),
    "grafana_api": ("dashboards.grafana",),
    "requests": ("dashboards.grafana",),
    "grafana_foundation_sdk": (
        "dashboards.files",
        "dashboards.part",
        "dashboards.blocks.board",
        "dashboards.blocks.panels",
        "dashboards.blocks.variables",
    ),
    "evidently": ("detectors.window.evidently_report",),
    "lightgbm": ("inference.models.tables.boosted_trees",),
    "matplotlib": ("detectors.spc.files.drawing", "detectors.standalone.drawing"),
    "databricks": ("monitor.sources.lake.places",),
    "mlflow": ("inference.tracking.opening",),
    "pysail": ("monitor.engine.spark",),
    "pyspark": ("monitor.engine.spark", "monitor.engine.streaming"),
    "river": ("detectors.condition.scatter",),
    "safetensors": ("inference.packaging", "inference.vision.weights"),
    "torch": (
        "inference.models.shapes.shape",
        "inference.models.shapes.autoencoder",
        "inference.models.shapes.network",
        "inference.models.shapes.regression",
        "inference.vision",
    ),
}
"""The only modules, or rooms, that may import each."""


@cache
def _modules() -> dict[str, Path]:
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def _imports(module: str) -> frozenset[str]:
    """Every module that is imported, also inside functions and for types only."""
    return frozenset(_named(ast.parse(_modules()[module].read_text(encoding="utf-8")), module))


def _named(tree: ast.AST, module: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import hides who is imported"
            assert node.module is not None
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in _modules() else node.module


def _in(name: str, allowed: tuple[str, ...]) -> bool:
    return any(name == a or name.startswith(f"{a}.") for a in allowed)


def _room(module: str) -> str:
    if module in ("monitor.cli", "monitor.cli_docs"):  # the command line and the page made of it
        return "monitor.cli"
    path = _modules()[module]
    return ".".join(path.relative_to(ROOT).parts[:-1])


def _is_migration(module: str) -> bool:
    return module.startswith("monitor.store.database.migrations")


@cache
def _between_rooms() -> dict[str, dict[str, str]]:
    """By room the rooms it imports from, each with one import as evidence."""
    found: dict[str, dict[str, str]] = {}
    for module in _modules():
        if _is_migration(module):
            continue
        mine = found.setdefault(_room(module), {})
        for name in sorted(_imports(module)):
            if name in _modules() and _room(name) not in (_room(module), "monitor"):
                mine.setdefault(_room(name), f"{module} imports {name}")
    return found


@pytest.mark.slow
def test_every_room_is_listed() -> None:
    assert set(_between_rooms()) == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_it_is_said_to(room: str) -> None:
    found = _between_rooms()[room]
    assert [evidence for other, evidence in found.items() if other not in ROOMS[room]] == []
    assert [other for other in ROOMS[room] if other not in found] == [], "listed and not used"


def test_rooms_are_listed_from_the_bottom_up() -> None:
    """Each names only rooms above it in the list, so imports run one way."""
    seen: set[str] = set()
    for room, others in ROOMS.items():
        assert set(others) <= seen, room
        seen.add(room)


def test_the_root_of_monitor_imports_no_room() -> None:
    assert _between_rooms()["monitor"] == {}


def test_no_circle_of_files() -> None:
    left = {module: {n for n in _imports(module) if n in _modules() and n != module} for module in _modules()}
    while free := [module for module, names in left.items() if not names & left.keys()]:
        for module in free:
            del left[module]
    assert left == {}


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "monitor.cli"])
def test_a_room_says_what_it_is_for_and_what_is_not_in_it(room: str) -> None:
    said = ast.get_docstring(ast.parse((ROOT / room.replace(".", "/") / "__init__.py").read_text(encoding="utf-8")))
    assert said
    purpose, _, limits = said.partition("\n\n")
    assert purpose.rstrip().endswith("."), room
    assert limits.strip(), room


MOST_FILES = 14


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "monitor.cli"])
def test_a_room_can_be_overlooked(room: str) -> None:
    files = [file for file in (ROOT / room.replace(".", "/")).glob("*.py") if file.name != "__init__.py"]
    assert len(files) <= MOST_FILES


@pytest.mark.parametrize("library", HEAVY)
def test_a_heavy_library_has_one_door(library: str) -> None:
    found = {m for m in _modules() if any(_in(name, (library,)) for name in _imports(m))}
    assert {m for m in found if not _in(m, HEAVY[library])} == set()
    assert {door for door in HEAVY[library] if not any(_in(m, (door,)) for m in found)} == set(), "listed and not used"


DATABASES = (
    "monitor.store",
    "monitor.sources",
    "monitor.simulator",  # makes the databases of the demo's MES and historian
    "exporters.delivery",
    "inference.tracking",  # MLflow's own database
)
"""Where SQL may stand. The tables of the store are known in its own rooms alone."""


def test_sql_stands_where_databases_are_read_and_written() -> None:
    found = {m for m in _modules() if any(_in(name, ("sqlalchemy", "alembic")) for name in _imports(m))}
    assert [m for m in sorted(found) if not _in(m, DATABASES)] == []
    assert [room for room in DATABASES if not any(_in(m, (room,)) for m in found)] == [], "listed and not used"


def test_the_tables_of_the_store_are_known_in_its_rooms_alone() -> None:
    tables = ("monitor.store.database.tables",)
    known = {m for m in _modules() if any(_in(name, tables) for name in _imports(m))}
    assert [m for m in sorted(known) if not _in(m, ("monitor.store",))] == []


def test_no_pickle_anywhere() -> None:
    banned = ("pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal")
    assert [f"{m} imports {n}" for m in _modules() for n in _imports(m) if _in(n, banned)] == []


_PROBE = """
import sys
from monitor.cli import main
sys.argv = ["gatewatch", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("loaded:", *sorted({name.split(".")[0] for name in sys.modules}))
"""


_SLOW_TO_IMPORT = {"torch", "mlflow", "river", "evidently", "grafana_foundation_sdk"}
_FOR_WORK = {*_SLOW_TO_IMPORT, "numpy", "pandas", "scipy", "sqlalchemy", "pydantic", "alembic", "prometheus_client"}


@pytest.mark.process
@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [(["--help"], _FOR_WORK), (["demo", "--help"], _FOR_WORK), (["check"], _SLOW_TO_IMPORT)],
    ids=["gatewatch --help", "gatewatch demo --help", "gatewatch check"],
)
def test_a_light_command_loads_nothing_heavy(arguments: list[str], unwanted: set[str], tmp_path: Path) -> None:
    plant = make_plant(tmp_path, 0.1)
    command = [sys.executable, "-c", _PROBE, *arguments, *([str(plant)] if arguments == ["check"] else [])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.rsplit("loaded:", 1)[1].split()
    assert "monitor" in loaded
    assert unwanted.isdisjoint(loaded)
