"""The file of Apprise URLs: a team and a URL on each line. URLs are secret: no message contains any part of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

_COMMENT = re.compile(r"(?:^|\s)#.*")

MOST_URLS = 9
"""The maximum number of URLs of one team."""

Receivers = Mapping[str, Sequence[str]]
"""The URLs of each team, in the order of the file."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The receivers in a file, and a message for each invalid line."""

    receivers: Receivers = field(repr=False)
    problems: tuple[str, ...] = ()


def parse(text: str, teams: Sequence[str], supported: Callable[[str], bool]) -> Parsed:
    """Parse the text of the file. `supported` tells whether notifications can be sent to a URL.

    A comment starts with '#' at the start of a line or after a space, because URLs may contain '#'.

    >>> parse("operators json://andon  # the board", ("operators",), lambda url: True).receivers
    {'operators': ['json://andon']}
    """
    receivers: dict[str, list[str]] = {}
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        team, *urls = _COMMENT.sub("", line).split() or [""]
        if not team:
            continue
        problem = _problem(team, urls, teams, supported)
        if problem is None and len(receivers.get(team, ())) == MOST_URLS:
            problem = f"{team!r} has {MOST_URLS} URLs already; expected no more"
        if problem:
            problems.append(f"line {number}: {problem}")
        else:
            receivers.setdefault(team, []).append(urls[0])
    return Parsed(receivers, tuple(problems))


def _problem(team: str, urls: Sequence[str], teams: Sequence[str], supported: Callable[[str], bool]) -> str | None:
    if team not in teams:
        # The first word may be a URL, which is secret, so it is not shown.
        return f"it does not begin with a team; expected one of {', '.join(teams)}, then a URL"
    if len(urls) != 1:
        return f"expected one URL after {team!r}, found {'more' if urls else 'none'}"
    if not supported(urls[0]):
        return f"the URL of {team!r} is incomplete or not supported by Apprise; see https://appriseit.com/services/"
    return None
