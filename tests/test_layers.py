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

BOTTOM = ("monitor.model", "monitor.errors", "monitor.ports", "monitor.plant.plant")
"""What everyone may build on. The plant file's values are several modules, all of them of this layer."""

ALLOWED: dict[str, tuple[str, ...]] = {
    "detectors": ("detectors", *BOTTOM),
    "inference": ("inference", *BOTTOM),
    "exporters": ("exporters", *BOTTOM),
    "alerting": ("alerting", "exporters.metrics.catalog", *BOTTOM),
    "dashboards": ("dashboards", "exporters.metrics.catalog", *BOTTOM),
}

KNOWN: dict[str, tuple[str, ...]] = {
    # The wiring and the command line: they know everyone.
    "monitor.runtime.app": (
        "alerting.alerts.specs", "detectors.window.drift", "detectors.window.performance", "detectors.stream.roster", "exporters.metrics.catalog",
        "exporters.delivery.mes", "inference.gate", "inference.packaging", "inference.registry", "inference.training",
    ),
    "monitor.runtime.checking": ("exporters.delivery.mes",),
    "monitor.commands.store": ("alerting.alerts.rules", "alerting.alerts.specs", "exporters.html.words", "inference.gate"),
    "monitor.delivery.notifications": (
        "alerting.notifications.decide", "alerting.notifications.text", "alerting.notifications.receivers", "alerting.alerts.specs", "exporters.delivery.apprise",
        "exporters.metrics.catalog", "exporters.delivery.mes", "exporters.delivery.notify_log",
    ),
    "monitor.commands.alerts": ("alerting.notifications.receivers", "exporters.metrics.catalog", "exporters.html.words"),
    "monitor.commands.dashboards": ("dashboards.files", "dashboards.grafana", "dashboards.publishing"),
    "monitor.runtime.recording": ("exporters.metrics.collector", "exporters.metrics.openmetrics"),
    "monitor.commands.model": ("alerting.retraining",),
    "monitor.web.server": (
        "exporters.metrics.catalog", "exporters.metrics.collector", "exporters.html.html", "exporters.pages.index", "exporters.pages.parts",
        "exporters.metrics.snapshot",
    ),
    # The report as values, and who writes it as a page.
    "monitor.reports.plant": ("exporters.report.page",),
    "monitor.demo.report": ("exporters.report.page", "exporters.report.values"),
    "monitor.store.report.gates": ("exporters.report.values", "exporters.html.svg"),
    "monitor.store.report.machines": ("exporters.report.values",),
    "monitor.store.report.reading": ("exporters.report.values",),
    "monitor.store.report.trends": ("exporters.report.values",),
    "monitor.store.report.watching": ("exporters.report.values",),
    # Alerts are evaluated on what a scrape shows, and kept by whoever is told of them.
    "monitor.jobs.alerts": (
        "alerting.alerts.evaluator", "alerting.alerts.specs", "exporters.metrics.catalog", "exporters.metrics.collector", "exporters.metrics.snapshot",
    ),
    "monitor.store.alerts": ("alerting.alerts.evaluator", "alerting.alerts.specs", "alerting.alerts.webhook"),
    # What is to be told is a pure function of the alerts; the job brings them and keeps the answer.
    "monitor.jobs.notify": ("alerting.notifications.decide", "alerting.notifications.text", "exporters.metrics.catalog"),
    "monitor.web.webhook": ("alerting.alerts.specs", "alerting.alerts.webhook"),
    # Between an alert and a change of model stand two pure judgements: whether to train, and whether it is better.
    "monitor.jobs.retraining": ("alerting.retraining", "inference.comparison", "inference.digest"),
    # References are packed as detector states are.
    "monitor.windows.frozen": ("detectors.shared.state",),
    # The process that renders Evidently's report dies with its parent as the one that trains does.
    "monitor.reports.drift_child": ("detectors.window.evidently_report", "inference.child"),
    # What is shown of the store, as the values that exporters take.
    "monitor.reports.passport": ("exporters.html.words",),
    "monitor.store.metrics": ("exporters.metrics.snapshot",),
}  # fmt: skip
"""The modules of `monitor` that may import from the other folders, and what of them."""

HEAVY: dict[str, tuple[str, ...]] = {
    "apprise": ("exporters.delivery.apprise",),
    "grafana_api": ("dashboards.grafana",),
    "requests": ("dashboards.grafana",),
    "grafana_foundation_sdk": ("dashboards.files", "dashboards.overview", "dashboards.panels", "dashboards.variables"),
    "evidently": ("detectors.window.evidently_report", "detectors.window.evidently_stats"),
    "mlflow": ("inference.registry",),
    "river": ("detectors.stream.river_scorers",),
    "safetensors": ("inference.packaging",),
    "torch": ("inference.models.shape", "inference.packaging", "inference.training"),
}
"""The only modules that may import each."""


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


def _is_bottom(name: str) -> bool:
    return name in BOTTOM or name.startswith("monitor.plant_")


def _ours(module: str) -> list[str]:
    return sorted(name for name in _imports(module) if name.split(".")[0] in PACKAGES)


@pytest.mark.parametrize("package", ALLOWED)
def test_a_folder_imports_only_what_lies_below_it(package: str) -> None:
    wrong = [
        f"{module} imports {name}"
        for module in _modules()
        if module.split(".")[0] == package
        for name in _ours(module)
        if not _in(name, ALLOWED[package])
    ]
    assert wrong == []


def test_the_bottom_imports_nothing_above_it() -> None:
    wrong = [
        f"{module} imports {name}"
        for module in _modules()
        if _is_bottom(module)
        for name in _ours(module)
        if not _is_bottom(name) and name != "monitor"
    ]
    assert wrong == []


def test_only_named_modules_of_monitor_know_the_other_folders() -> None:
    found = {
        module: tuple(name for name in _ours(module) if not _in(name, ("monitor",)))
        for module in _modules()
        if module.split(".")[0] == "monitor"
    }
    assert {module: names for module, names in found.items() if names} == KNOWN


MIDDLE = {
    "the store knows no source, job, server or command": (
        "monitor.store", ("monitor.sources", "monitor.jobs", "monitor.web.server", "monitor.cli", "monitor.runtime.app"),
    ),
    "sources know no store, job or pipeline": (
        "monitor.sources", ("monitor.store", "monitor.jobs", "monitor.pipeline.parts", "monitor.pipeline.readings", "monitor.runtime.app"),
    ),
    "the simulator knows nothing of what watches it": (
        "monitor.simulator", ("monitor.sources", "monitor.store", "monitor.jobs", "monitor.runtime.app"),
    ),
    "jobs know no wiring and no command": (
        "monitor.jobs", ("monitor.runtime.app", "monitor.cli", "monitor.commands.store", "monitor.runtime.service", "monitor.runtime.replay"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("package", "forbidden"), MIDDLE.values(), ids=MIDDLE)
def test_inside_monitor(package: str, forbidden: tuple[str, ...]) -> None:
    wrong = [
        f"{module} imports {name}"
        for module in _modules()
        if _in(module, (package,))
        for name in _ours(module)
        if _in(name, forbidden)
    ]
    assert wrong == []


@pytest.mark.parametrize("library", HEAVY)
def test_a_heavy_library_has_one_door(library: str) -> None:
    found = tuple(m for m in _modules() if any(_in(name, (library,)) for name in _imports(m)))
    assert found == HEAVY[library]


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


@pytest.mark.parametrize("arguments", [["--help"], ["check"]], ids=["gatewatch --help", "gatewatch check"])
def test_a_light_command_loads_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    plant = make_plant(tmp_path, 0.1)
    command = [sys.executable, "-c", _PROBE, *arguments, *([str(plant)] if arguments == ["check"] else [])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.rsplit("loaded:", 1)[1].split()
    assert "monitor" in loaded
    assert {"torch", "mlflow", "river", "evidently", "grafana_foundation_sdk"}.isdisjoint(loaded)
