"""The append-only notification log: one JSON object per line, synced to disk before `send` returns."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from monitor.errors import DeliveryError, DeliveryReason
from monitor.files import open_private, sync_folder

SCHEMES = ()
"""Empty: the log has no URL. Every notification is written to it."""


def accepts(address: str) -> bool:
    """Whether the folder of the log exists."""
    return Path(address).parent.is_dir()


def send(address: str, message: Mapping[str, Any]) -> None:
    """Append one line and sync it to disk; DeliveryError if that fails.

    A line truncated by a crash stays as it is; the next one begins on a new line.
    """
    file = Path(address)
    text = json.dumps(message, sort_keys=True, ensure_ascii=True, allow_nan=False) + "\n"
    try:
        with open(file, "ab+", opener=open_private) as log:
            size = log.seek(0, os.SEEK_END)
            truncated = size > 0 and _last_byte(log, size) != b"\n"
            log.write((b"\n" if truncated else b"") + text.encode("ascii"))
            log.flush()
            os.fsync(log.fileno())
        if size == 0:
            sync_folder(file.parent)
    except OSError as exc:
        problem = f"notify.log: {file} cannot be written: {exc.strerror or exc}"
        raise DeliveryError(problem, DeliveryReason.UNREACHABLE) from exc


def _last_byte(log: BinaryIO, size: int) -> bytes:
    log.seek(size - 1)
    return bytes(log.read(1))
