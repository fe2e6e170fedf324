"""What the processes of one test run share: a folder, and things that the first process to need them makes."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

_FOLDER = "GATEWATCH_TEST_RUN"
_MEMORY = Path("/dev/shm")
_ENOUGH = 2 << 30
"""Bytes; a container's own /dev/shm has 64 MiB unless its maker says otherwise."""


def begin() -> None:
    """Make the folder, for this process and those it starts; in memory where there is room."""
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ENOUGH
    folder = tempfile.mkdtemp(prefix="gatewatch-tests-", dir=_MEMORY if roomy else None)
    Path(folder).chmod(0o711)  # the account that PostgreSQL runs as has to pass through
    os.environ[_FOLDER] = folder


def end() -> None:
    """Delete the folder."""
    shutil.rmtree(os.environ.pop(_FOLDER), ignore_errors=True)


def run_folder() -> Path:
    """The folder of this run."""
    return Path(os.environ[_FOLDER])


def once(name: str, make: Callable[[Path], object]) -> Path:
    """The run's folder `name`, filled by `make` in the first process that asks; others wait until it is whole."""
    folder, whole = run_folder() / name, run_folder() / f"{name}.whole"
    with (run_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder
