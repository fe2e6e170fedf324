"""The plant that most tests of the whole product copy, made once a run: as it comes, and with models in force."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from fork_kit import ended, forked
from plant_kit import QUICK, START, copied, make_plant, ready_to_train, run_replay
from run_kit import once, run_folder
from warm_kit import fork_training, warm_up

from monitor.plant.file.load import load
from monitor.store.database import tables as t
from monitor.store.database.schema import open_existing

HOURS = 2.0
"""Length of the history."""


def keep(plant: Path, overrides: Sequence[str]) -> Path:
    """Write the overrides into the plant file, so that every command means the same plant."""
    plant.write_text(load(plant, overrides).text, encoding="utf-8")
    return plant


def untrained() -> Path:
    """Its folder: the sources filled, nothing run."""
    return once("untrained", lambda at: keep(ready_to_train(make_plant(at / "plant", HOURS)), QUICK)) / "plant"


def taught() -> Path:
    """Its folder after the first hour, in which the gates of numbers got a model.

    What judging with them needs is imported too, once for all processes that are forked from this one: Torch alone
    takes longer to import than an hour of history to replay.
    """
    warm_up()
    folder = once("taught", _teach) / "plant"
    _rehearse(folder)
    return folder


@cache
def _rehearse(folder: Path) -> None:
    """Replay once here: what is compiled and imported on the way is there in the processes forked from this one."""
    with TemporaryDirectory(dir=run_folder()) as place:
        failed = run_replay(copied(folder, Path(place) / "plant"), 1.5, QUICK, START)
    assert not failed, [slot.error for slot in failed]
    gc.freeze()


def _teach(folder: Path) -> None:
    plant = copied(untrained(), folder / "plant")
    assert ended(forked(lambda: first_hour(plant))) == 0


def without_rows(plant: Path, overrides: Sequence[str] = QUICK) -> Path:
    """Leave of the store nothing but the models; the plant file."""
    store = open_existing(load(plant, overrides).plant.store.url)
    try:
        with store.write() as connection:
            for table in t.metadata.sorted_tables:
                if table.name not in ("model_version", "model_in_force", "plant_file"):
                    connection.execute(table.delete())
    finally:
        store.close()
    return plant


def first_hour(plant: Path, overrides: Sequence[str] = QUICK) -> None:
    """Replay the hour in which models are trained. Only in a process of its own: its training children are forked."""
    fork_training()
    failed = run_replay(plant, 1.0, overrides, START)
    assert not failed, [slot.error for slot in failed]
