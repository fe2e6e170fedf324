"""The record of what people did, as a chain: each entry holds the SHA-256 of its content and of the entry before it.

A changed, removed, inserted or reordered entry breaks the chain at its place. Removed from the end, entries are missed
only by who kept the last digest: `gatewatch audit verify` prints it, and compares it with one that was kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

_ENCODED = json.JSONEncoder(separators=(",", ":")).encode
START = "0" * 64
"""What the first entry continues."""


class Entry(NamedTuple):
    """One entry: `about` names what was acted on, `details` is JSON text, `request` the id of the request, or None.

    `previous` is the digest of the entry before, `digest` that of all fields but itself.
    """

    id: int
    at: datetime
    actor: str
    role: str
    via: str
    action: str
    about: str
    details: str
    request: str | None
    previous: str
    digest: str


class Last(NamedTuple):
    """The end of the chain: the number of entries and the digest of the last one."""

    id: int = 0
    digest: str = START


class Break(NamedTuple):
    """The first entry that does not fit, and why."""

    id: int
    sentence: str


def continued(last: Last, entry: Entry) -> Entry:
    """The entry as the next one of the chain; its own id and digests are replaced."""
    following = entry._replace(id=last.id + 1, previous=last.digest)
    return following._replace(digest=digest_of(following))


def digest_of(entry: Entry) -> str:
    """SHA-256, in hex, of a JSON list of all fields but the digest."""
    content = [entry.id, entry.at.astimezone(UTC).isoformat(), *entry[2:-1]]
    return hashlib.sha256(_ENCODED(content).encode()).hexdigest()


def verify(entries: Iterable[Entry], expected: Last | None = None) -> tuple[Last, Break | None]:
    """The end of the chain, or the end of what is whole and the first break. Entries come in the order of their ids."""
    last = Last()
    for entry in entries:
        if entry.id != last.id + 1:
            return last, Break(last.id + 1, f"entry {last.id + 1} is missing; the next one is {entry.id}")
        if entry.previous != last.digest:
            return last, Break(entry.id, f"entry {entry.id} does not continue the entry before it")
        if entry.digest != digest_of(entry):
            return last, Break(entry.id, f"the content of entry {entry.id} is not what was written")
        if expected is not None and entry.id == expected.id and entry.digest != expected.digest:
            return last, Break(entry.id, f"entry {entry.id} has another digest than expected")
        last = Last(entry.id, entry.digest)
    if expected is not None and last.id < expected.id:
        return last, Break(last.id + 1, f"entries end at {last.id}; expected at least {expected.id}")
    return last, None
