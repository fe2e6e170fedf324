"""The doors of docs/development.md, each used as it is written there: on a copy of the product, by the files named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[1]
PACKAGES = ("monitor", "detectors", "inference", "exporters", "alerting", "dashboards")


@dataclass(frozen=True, slots=True)
class Product:
    """A copy of the product that a test may change."""

    folder: Path

    def add(self, file: str, text: str) -> None:
        """A new file."""
        assert not (self.folder / file).exists()
        (self.folder / file).write_text(text, encoding="utf-8")

    def insert(self, file: str, text: str, before: str) -> None:
        """Text in a file, before the last place of another text."""
        head, mark, tail = (self.folder / file).read_text(encoding="utf-8").rpartition(before)
        assert mark, f"{before!r} is not in {file}"
        (self.folder / file).write_text(head + text + mark + tail, encoding="utf-8")

    def run(self, *arguments: str) -> str:
        """What a Python with this product prints."""
        environment = os.environ | {"PYTHONPATH": str(self.folder)}
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, cwd=self.folder, env=environment, timeout=120,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def product(tmp_path: Path) -> Product:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return Product(tmp_path)


METRIC = """    gauge("gatewatch_plant_machines", "Machines of the plant file."),
"""
VALUE = """    yield "gatewatch_plant_machines", (), float(len(scrape.bounds.plant.machines))
"""
_SCRAPED = """
import sys
from datetime import UTC, datetime
from exporters.metrics.collector import exposition
from exporters.metrics.shared.metric import Bounds
from exporters.metrics.shared.snapshot import MetricsSnapshot
from monitor.plant.file.load import load
snapshot = MetricsSnapshot(datetime(2026, 3, 2, tzinfo=UTC))
print(exposition(snapshot, Bounds(load(sys.argv[1]).plant))[0].decode())
"""


def test_a_metric_is_declared_and_read_in_one_file(product: Product) -> None:
    file = "exporters/metrics/families/service.py"
    product.insert(file, METRIC, before=")  # fmt: skip")
    product.insert(file, VALUE, before="    snapshot, bounds = scrape.snapshot, scrape.bounds\n")
    scraped = product.run("-c", _SCRAPED, "monitor/simulator/plant.yaml").splitlines()
    assert "# HELP gatewatch_plant_machines Machines of the plant file." in scraped
    (value,) = (line for line in scraped if line.startswith("gatewatch_plant_machines "))
    assert float(value.split()[1]) > 0
    assert "## `gatewatch_plant_machines`" in product.run("-m", "exporters.metrics.catalog_docs")


ALERT = """    of_metric(
        "StoreTooLarge", "warning", "platform", "gatewatch_store_size_bytes", "site", "site", limit=1e9, clear=9e8,
        summary="the store of site {subject} is large",
        cause="The store has grown beyond 1 GB.",
        action="Shorten store.retention.",
    ),
"""
_CHANGED = """
import sys
from alerting.alerts.in_force import alerts_in_force
from monitor.plant.file.load import load
plant = load(sys.argv[1], ["alerts.change.StoreTooLarge.limit=2000000000"]).plant
print({spec.name: spec.limit for spec in alerts_in_force(plant)}["StoreTooLarge"])
"""


def test_an_alert_is_an_entry_in_one_file(product: Product) -> None:
    product.insert("alerting/specs/service.py", ALERT, before=")  # fmt: skip")
    assert "alert: StoreTooLarge" in product.run("-m", "alerting.alerts.rules")
    assert "## StoreTooLarge" in product.run("-m", "alerting.alerts.specs_docs")
    assert product.run("-c", _CHANGED, "monitor/simulator/plant.yaml") == "2000000000.0\n"


DASHBOARD = '''"""Holds by gate."""

from dashboards.blocks.board import Board, Row
from dashboards.rows import models

BOARD = Board("gatewatch-holds", "Holds", "Holds by gate.", ("site",), (Row("Models", models.panels),))
'''


def test_a_dashboard_is_one_file(product: Product) -> None:
    product.add("dashboards/boards/holds.py", DASHBOARD)
    product.run("-m", "monitor.cli", "dashboards", "build", "--out", "built")
    assert '"title": "Holds"' in (product.folder / "built/holds.json").read_text(encoding="utf-8")
    committed = (ROOT / "dashboards/generated/overview.json").read_bytes()
    assert (product.folder / "built/overview.json").read_bytes() == committed


CHANNEL = '''"""Notes in a folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCHEMES = ("note",)


def accepts(address: str) -> bool:
    """Whether the URL names a folder."""
    return address.startswith("note://")


def send(address: str, message: Mapping[str, Any]) -> None:
    """Write a note."""
    (Path(address.removeprefix("note://")) / "note.txt").write_text(message["title"])
'''


def test_a_notification_channel_is_one_file(product: Product) -> None:
    product.add("exporters/delivery/channels/note.py", CHANNEL)
    product.add("notify.urls", f"operators note://{product.folder}")
    plant = product.folder / "plant.yaml"
    shutil.copy(ROOT / "monitor/simulator/plant.yaml", plant)
    test = ("alerts", "test", "operators", "-p", str(plant), "--set", "notify.urls_file=notify.urls")
    assert product.run("-m", "monitor.cli", *test).startswith("URL 1 of operators: delivered\n")
    assert (product.folder / "note.txt").read_text(encoding="utf-8") == "test for operators, site demo"


COMMAND = '''"""A greeting."""

import click


@click.command()
def greet() -> None:
    """Greet."""
    click.echo("good morning")
'''


def test_a_command_is_one_file(product: Product) -> None:
    product.add("monitor/commands/greet.py", COMMAND)
    assert product.run("-m", "monitor.cli", "greet") == "good morning\n"
    assert "  greet " in product.run("-m", "monitor.cli", "--help")
