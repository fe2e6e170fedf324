"""The file of URLs: who is told where, and no word of a URL in any message."""

from __future__ import annotations

import pytest

from alerting.notifications.receivers import MOST_URLS, parse

TEAMS = ("operators", "ml")
SECRET = "json://user:hunter2@andon.example/token#fragment"


def read(text: str) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """Receivers and problems; what begins with 'bad' no service knows."""
    parsed = parse(text, TEAMS, lambda url: not url.startswith("bad"))
    return {team: list(urls) for team, urls in parsed.receivers.items()}, parsed.problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("# nobody yet\n\n   \n", {}),
        (f"operators {SECRET}", {"operators": [SECRET]}),
        ("operators\tjson://a  # the board\r\nml json://b#room\n", {"operators": ["json://a"], "ml": ["json://b#room"]}),
        ("operators json://a\noperators json://b", {"operators": ["json://a", "json://b"]}),
    ],
    ids=["an empty file", "comments alone", "a team and its URL", "comments after a space only", "two URLs of a team"],
)  # fmt: skip
def test_what_a_file_means(text: str, expected: dict[str, list[str]]) -> None:
    assert read(text) == (expected, ())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"\nmanagers {SECRET}", "line 2: it does not begin with a team; expected one of operators, ml, then a URL"),
        (SECRET, "line 1: it does not begin with a team; expected one of operators, ml, then a URL"),
        ("operators", "line 1: expected one URL after 'operators', found none"),
        (f"operators {SECRET} {SECRET}", "line 1: expected one URL after 'operators', found more"),
        (f"operators bad{SECRET}", "line 1: the URL of 'operators' is incomplete or not supported by Apprise"),
        (f"operators {SECRET}\n" * (MOST_URLS + 1), "line 10: 'operators' has 9 URLs already; expected no more"),
    ],
    ids=["an unknown team", "no team", "no URL", "two URLs in a line", "an unknown service", "too many"],
)
def test_a_problem_is_one_sentence_that_shows_no_secret(text: str, problem: str) -> None:
    (found,) = read(text)[1]
    assert found.startswith(problem)
    assert "hunter2" not in found
    assert "hunter2" not in repr(parse(text, TEAMS, lambda url: True))
