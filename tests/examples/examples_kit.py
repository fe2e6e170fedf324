"""Running an example as its README says: the loader, then the command it prints; and a cut of the data for that."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from monitor.plant.file.load import load
from monitor.store.database.schema import open_existing

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("GATEWATCH_DATA", ROOT.parent / "shared" / "data"))


def data(name: str) -> Path:
    """The folder of a data set; skips where it is not there."""
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; GATEWATCH_DATA names the folder of the data sets")
    return folder


@dataclass(frozen=True, slots=True)
class Said:
    """What a program printed, and its exit code."""

    code: int
    out: str
    err: str


def ran(*command: str | Path, cwd: Path) -> Said:
    """Run a program of the checkout to its end."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "1"}
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True,
        timeout=280, check=False,
    )  # fmt: skip
    return Said(done.returncode, done.stdout, done.stderr)


def loaded(name: str, source: Path, folder: Path) -> Said:
    """Run an example's loader into `folder`/plant.db; the plant file for it is `folder`/plant.yaml."""
    where = f"sqlite:///{folder}/plant.db"
    return ran(ROOT / "examples" / name / "load.py", source, where, "--plant", folder / "plant.yaml", cwd=folder)


def replayed(said: Said, folder: Path, *overrides: str) -> Said:
    """Run the replay that a loader printed, after a check of its plant file."""
    command = shlex.split(said.out.splitlines()[-1])
    assert command[:2] == ["gatewatch", "replay"]
    given = [part for one in overrides for part in ("--set", one)]
    checked = ran("-m", "monitor.cli", "check", command[2], *given, cwd=folder)
    assert checked.code == 0, checked.err
    return ran("-m", "monitor.cli", *command[1:], *given, cwd=folder)


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """What a query finds in the store beside a plant file."""
    store = open_existing(load(folder / "plant.yaml").plant.store.url)
    with store.read() as connection:
        found = [tuple(row) for row in connection.execute(sa.text(query))]
    store.close()
    return found
