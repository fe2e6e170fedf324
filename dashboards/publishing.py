"""Publishes dashboards to a running Grafana, after deciding whether each may be overwritten."""

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

_MESSAGE_PREFIX = "gatewatch dashboards publish "
"""Starts the message of every version saved here; a version without it was saved by somebody else."""


class PublishResult(StrEnum):
    """The result of publishing a dashboard."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


def message_of(board: Mapping[str, Any]) -> str:
    """The message of a version. It identifies the content, so that unchanged content is not saved again."""
    text = json.dumps(board, sort_keys=True)
    return _MESSAGE_PREFIX + hashlib.sha256(text.encode()).hexdigest()[:16]


def decide_publishing(existing: Existing | None, newest: str, message: str, force: bool) -> PublishResult:
    """What to do with a dashboard whose newest version has the message `newest`.

    A provisioned dashboard is never overwritten, because Grafana would restore the file's; one changed by somebody
    else only with `force`.
    """
    if existing is None:
        return PublishResult.CREATED
    if existing.provisioned:
        text = "this Grafana provides the dashboard from a file and would restore it; replace the file instead"
        raise GrafanaError(text, GrafanaReason.PROVISIONED)
    if newest == message:
        return PublishResult.UNCHANGED
    if not newest.startswith(_MESSAGE_PREFIX) and not force:
        text = (
            f"the dashboard was changed in Grafana since it was published (version {existing.version}); save a copy of "
            "it under another name, then publish with --force"
        )
        raise GrafanaError(text, GrafanaReason.CHANGED)
    return PublishResult.UPDATED


def publish(
    grafana: Grafana, boards: Mapping[str, Mapping[str, Any]], folder: str | None, force: bool
) -> dict[str, PublishResult]:
    """Publish every dashboard, into `folder` or where it is now; the results by uid."""
    grafana.check(DATA_SOURCE_UID)
    return {str(board["uid"]): _publish(grafana, board, folder, force) for board in boards.values()}


def _publish(grafana: Grafana, board: Mapping[str, Any], folder: str | None, force: bool) -> PublishResult:
    existing = grafana.find(str(board["uid"]))
    newest = grafana.newest_message(str(board["uid"])) if existing and not existing.provisioned else ""
    message = message_of(board)
    result = decide_publishing(existing, newest, message, force)
    if result is not PublishResult.UNCHANGED:
        base = {"id": existing.id, "version": existing.version} if existing else {"id": None}
        target = folder if folder is not None else existing.folder if existing else ""
        # Carries the version that was read, so that Grafana refuses the save after a change in between.
        grafana.save({**board, **base}, target, message, overwrite=force)
    return result


def read_token(file: Path) -> str:
    """The token of a service account, from a file of one line. No error shows the content."""
    try:
        text = file.read_text(encoding="ascii").strip()
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable() or " " in text:
        raise UsageError(f"--token-file {file}: expected one line with the token of a Grafana service account")
    return text
