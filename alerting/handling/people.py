"""The file of people: a name, a role and the SHA-256 of a token on each line. No token is ever stored or shown."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import NamedTuple

from alerting.handling.actions import LONGEST_ACTOR, Role

_NAME = re.compile(rf"[^\s#]{{1,{LONGEST_ACTOR}}}")
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_LONGEST_TOKEN = 200


class Known(NamedTuple):
    """A person whose token is known."""

    name: str
    role: Role


class People(NamedTuple):
    """The people by the digest of their token, and a sentence for each line that is none."""

    by_digest: Mapping[str, Known]
    problems: tuple[str, ...] = ()

    def find(self, token: str) -> Known | None:
        """Whose token this is; None for nobody's. Digests are compared, so the time it takes tells nothing."""
        return self.by_digest.get(digest_of(token)) if 0 < len(token) <= _LONGEST_TOKEN else None


def parse(text: str) -> People:
    """The people of a file's text. A line may begin with '#'.

    >>> parse("ann engineer sha256:" + "0" * 64).by_digest["0" * 64]
    Known(name='ann', role=<Role.ENGINEER: 'engineer'>)
    """
    found: dict[str, Known] = {}
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        problem = _problem(words)
        if problem is None and words[2].partition(":")[2] in found:
            problem = "the token is that of another line"
        if problem is not None:
            problems.append(f"line {number}: {problem}")
        else:
            found[words[2].partition(":")[2]] = Known(words[0], Role(words[1]))
    return People(found, tuple(problems))


def _problem(words: list[str]) -> str | None:
    # What stands there may be a token, so nothing of the line is shown.
    if len(words) != 3 or not _NAME.fullmatch(words[0]) or not words[0].isprintable():
        return "expected a name, a role and sha256: with a digest, as 'gatewatch people token' prints it"
    if words[1] not in list(Role):
        return f"the role is unknown; allowed: {', '.join(Role)}"
    if not _DIGEST.fullmatch(words[2]):
        return "expected sha256: and 64 hexadecimal digits; 'gatewatch people token' prints such a line"
    return None


def new_token() -> str:
    """A token of 256 random bits."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """The digest of a token, in hex. Tokens are random, so that none can be guessed and no salt is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def line_of(name: str, role: Role, token: str) -> str:
    """The line of the file for a token."""
    return f"{name} {role} sha256:{digest_of(token)}"
