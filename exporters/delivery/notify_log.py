"""The append-only log of notifications: a JSON object a line, on the disk before anyone is told that it is there."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monitor.errors import DeliveryError, DeliveryReason

SCHEMES = ()
"""The log is no URL; every notification goes into it."""


def accepts(address: str) -> bool:
    """Whether the folder of the log exists."""
    return Path(address).parent.is_dir()


def send(address: str, message: Mapping[str, Any]) -> None:
    """Add one line and wait until the disk has it; DeliveryError where that fails.

    A line that a crash cut short keeps its place; the next one begins on a line of its own.
    """
    file = Path(address)
    text = json.dumps(message, sort_keys=True, ensure_ascii=True, allow_nan=False) + "\n"
    try:
        with file.open("ab+") as log:
            size = log.seek(0, os.SEEK_END)
            torn = size > 0 and _last(log, size) != b"\n"
            log.write((b"\n" if torn else b"") + text.encode("ascii"))
            log.flush()
            os.fsync(log.fileno())
        if size == 0:
            _sync_folder(file.parent)
    except OSError as exc:
        said = f"notify.log: {file} cannot be written: {exc.strerror or exc}"
        raise DeliveryError(said, DeliveryReason.UNREACHABLE) from exc


def _last(log: Any, size: int) -> bytes:
    log.seek(size - 1)
    return bytes(log.read(1))


def _sync_folder(folder: Path) -> None:
    """A new file's name is on the disk only with its folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
