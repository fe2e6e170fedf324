"""Whether a dashboard may be brought to a running Grafana, decided before anything is sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from dashboards.blocks.panels import DATA_SOURCE_UID
from dashboards.grafana import Existing, Grafana
from monitor.errors import GrafanaError, GrafanaReason, UsageError

_OURS = "gatewatch dashboards publish "
"""Begins the message of every version saved here: a newest version without it was saved by somebody else."""


class PublishResult(StrEnum):
    """What publishing came to."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


def message_of(board: Mapping[str, Any]) -> str:
    """The message of a version: it names its content, so that the same is not saved twice."""
    text = json.dumps(board, sort_keys=True)
    return _OURS + hashlib.sha256(text.encode()).hexdigest()[:16]


def decide_publishing(existing: Existing | None, newest: str, message: str, force: bool) -> PublishResult:
    """What to do about a dashboard whose newest version was saved with the message `newest`.

    One that a file provides is never overwritten: Grafana would put the file's back. One that somebody else changed
    only with `force`.
    """
    if existing is None:
        return PublishResult.CREATED
    if existing.provisioned:
        told = "this Grafana provides the dashboard from a file and would put that back; replace the file instead"
        raise GrafanaError(told, GrafanaReason.PROVISIONED)
    if newest == message:
        return PublishResult.UNCHANGED
    if not newest.startswith(_OURS) and not force:
        told = (
            f"the dashboard was changed in Grafana since it was published (version {existing.version}); save a copy of "
            "it under another name, then publish with --force"
        )
        raise GrafanaError(told, GrafanaReason.CHANGED)
    return PublishResult.UPDATED


def publish(
    grafana: Grafana, boards: Mapping[str, Mapping[str, Any]], folder: str | None, force: bool
) -> dict[str, PublishResult]:
    """Bring every dashboard there, each into `folder` or, without one, where it is; what was done, by uid."""
    grafana.check(DATA_SOURCE_UID)
    return {str(board["uid"]): _publish(grafana, board, folder, force) for board in boards.values()}


def _publish(grafana: Grafana, board: Mapping[str, Any], folder: str | None, force: bool) -> PublishResult:
    existing = grafana.find(str(board["uid"]))
    newest = grafana.newest_message(str(board["uid"])) if existing and not existing.provisioned else ""
    message = message_of(board)
    did = decide_publishing(existing, newest, message, force)
    if did is not PublishResult.UNCHANGED:
        there = {"id": existing.id, "version": existing.version} if existing else {"id": None}
        where = folder if folder is not None else existing.folder if existing else ""
        # The version that was looked at goes along: a change in between is refused by Grafana itself.
        grafana.save({**board, **there}, where, message, overwrite=force)
    return did


def read_token(file: Path) -> str:
    """The token of a service account from a file of one line; never shown, also when it is none."""
    try:
        text = file.read_text(encoding="ascii").strip()
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable() or " " in text:
        raise UsageError(f"--token-file {file}: expected one line with the token of a Grafana service account")
    return text
