"""The wheel holds all that the product needs, and runs without the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from plant_kit import DEMO_END

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
PACKAGES = ("alerting", "dashboards", "detectors", "exporters", "inference", "monitor")
DATA = (".json", ".mako", ".md", ".py", ".typed", ".yaml", ".yml")
NEEDED = (
    "alerting/generated/runbooks.md",
    "dashboards/generated/overview.json",
    "dashboards/provisioning/datasources/gatewatch.yaml",
    "monitor/simulator/plant.yaml",
    "monitor/store/database/migrations/env.py",
    "monitor/store/database/migrations/script.py.mako",
    "monitor/store/database/migrations/versions/0001_the_first_tables.py",
    *(f"{package}/py.typed" for package in PACKAGES),
)


def _run(*command: str | Path, cwd: Path) -> str:
    """Run a command that must succeed, without what the surroundings say of Python; its output."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "GATEWATCH_"))}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources, so that no earlier build can slip in; needs no network."""
    folder = tmp_path_factory.mktemp("sources")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, folder / name)
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "dist", cwd=folder)
    (built,) = (folder / "dist").glob("*.whl")
    return built


CHECKOUT_ONLY = "alerting/stack/"
"""What docker-compose.yml builds and mounts."""


def _sources() -> set[str]:
    files = (f for package in PACKAGES for f in (ROOT / package).rglob("*") if "__pycache__" not in f.parts)
    names = {f.relative_to(ROOT).as_posix() for f in files if f.is_file()}
    return {name for name in names if not name.startswith(CHECKOUT_ONLY)}


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    inside = {name for name in names if ".dist-info/" not in name}
    assert set(NEEDED) <= inside
    assert inside == _sources()
    assert {Path(name).suffix or name for name in inside} <= set(DATA)


def test_the_wheel_carries_its_licence_and_its_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (points,) = (name for name in names if name.endswith("entry_points.txt"))
        assert "gatewatch = monitor.cli:main" in archive.read(points).decode()
        (facts,) = (name for name in names if name.endswith("METADATA"))
        assert "License-Expression: Apache-2.0" in archive.read(facts).decode()
    assert {Path(name).name for name in names if "/licenses/" in name} == {"LICENSE", "NOTICE"}


@pytest.mark.soak
def test_the_installed_wheel_runs_the_demo_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """Dependencies are this environment's, seen through a path file; the product comes from the wheel alone."""
    _run(sys.executable, "-m", "venv", "--without-pip", "clean", cwd=tmp_path)
    python = tmp_path / "clean" / "bin" / "python"
    install = ("-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel)
    _run(sys.executable, *install, cwd=tmp_path)
    (packages,) = (tmp_path / "clean" / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    outside = tmp_path / "outside"
    outside.mkdir()
    where = _run(
        python, "-c", "import monitor.cli, inference; print(monitor.__file__, inference.__file__)", cwd=outside
    )
    assert all(Path(place).is_relative_to(tmp_path / "clean") for place in where.split())
    told = _run(python.parent / "gatewatch", "demo", "--days", "1", "--end", DEMO_END, "--json", cwd=outside)
    summary = json.loads(told)
    assert summary["gates"]["forging"]["decided"] > 200
    assert summary["recommendations"]["sent"] == sum(g["decided"] for g in summary["gates"].values())
