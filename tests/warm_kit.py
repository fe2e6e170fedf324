"""Imports that programs forked from this process need not make, and training children that are forked as well."""

from __future__ import annotations

import gc
import importlib
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from typing import IO, cast

import pytest
from fork_kit import ended, forked

from inference.kinds import KINDS, load_kind
from monitor import processes

_SLOW = (
    "monitor.runtime.replay", "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store",
)  # fmt: skip


@cache
def warm_up() -> None:
    """Import what a replay needs and warm up the kinds of models, once for all processes that are forked from this one.

    What is there then is never searched for garbage again, neither here nor in these processes.
    """
    for module in _SLOW:
        importlib.import_module(module)
    for kind in KINDS:
        load_kind(kind).warm_up()
    gc.collect()
    gc.freeze()


def fork_training(patch: pytest.MonkeyPatch | None = None) -> None:
    """Let children that train be forked from this process: with a patch until it is undone."""
    (patch or pytest.MonkeyPatch()).setattr(processes, "_start", _start)


class _Forked:
    """What a Worker uses of a `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        return ended(self.pid)


def _start(module: str, arguments: Sequence[str]) -> processes._Child:
    """As `monitor.processes._start`, without a new interpreter."""
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
    (requests, given), (taken, answers) = os.pipe(), os.pipe()
    parent = os.getpid()

    def work() -> None:
        for number, file in enumerate((requests, answers, log.fileno())):
            os.dup2(file, number)
        for file in (requests, given, taken, answers):
            os.close(file)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor, for the whole process
        sys.argv = [module, str(parent), *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)

    process = forked(work)
    os.close(requests)
    os.close(answers)
    child = cast("subprocess.Popen[bytes]", _Forked(process))
    return processes._Child(child, _unbuffered(given, "wb"), _unbuffered(taken, "rb"), cast("IO[bytes]", log))


def _unbuffered(file: int, mode: str) -> IO[bytes]:
    return cast("IO[bytes]", os.fdopen(file, mode, buffering=0))
