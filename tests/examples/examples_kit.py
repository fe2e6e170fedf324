"""Running an example as its README says: the loader, then the command it prints; and a cut of the data for that."""

from __future__ import annotations

import os
import runpy
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from fork_kit import Said, start_program
from plant_kit import ready_to_train
from warm_kit import fork_training, warm_up

from monitor.plant.file.load import load
from monitor.store.database.schema import open_existing

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("GATEWATCH_DATA", ROOT.parent / "shared" / "data"))

FEW_LOOKS = ("notify.every=10m",)
"""The plant's own 15 seconds take as long as all other jobs of a replay together."""


def data(name: str) -> Path:
    """The folder of a data set; skips where it is not there."""
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; GATEWATCH_DATA names the folder of the data sets")
    return folder


def ran(*command: str | Path, cwd: Path) -> Said:
    """Run a program of the checkout to its end: a file, or `-m` and a module, and its arguments."""
    module, arguments = (str(command[1]), command[2:]) if command[0] == "-m" else (None, command[1:])

    def main() -> None:
        fork_training()
        sys.argv = [str(command[0]), *map(str, arguments)]
        if module is None:
            runpy.run_path(str(command[0]), run_name="__main__")
        else:
            runpy.run_module(module, run_name="__main__", alter_sys=True)

    return start_program(main, cwd).end()


def loaded(name: str, source: Path, folder: Path) -> Said:
    """Run an example's loader into `folder`/plant.db; the plant file for it is `folder`/plant.yaml."""
    where = f"sqlite:///{folder}/plant.db"
    return ran(ROOT / "examples" / name / "load.py", source, where, "--plant", folder / "plant.yaml", cwd=folder)


def replayed(said: Said, folder: Path, *overrides: str) -> Said:
    """Run the replay that a loader printed, after a check of its plant file."""
    command = shlex.split(said.out.splitlines()[-1])
    assert command[:2] == ["gatewatch", "replay"]
    plain = "notify" not in yaml.safe_load((folder / "plant.yaml").read_text(encoding="utf-8"))
    given = [part for one in (*overrides, *(FEW_LOOKS if plain else ())) for part in ("--set", one)]
    warm_up()
    ready_to_train(folder / "plant.yaml")
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
