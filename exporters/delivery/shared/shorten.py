"""Shortens a message to what a service takes: the worst stays, the rest is counted, and it says where to read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Fits = Callable[[str, str], bool]
"""Whether a service takes a title with a body."""


_OF_AN_OLDER_MESSAGE = {
    "left_out": "and {count} more alerts: see 'gatewatch alerts list'",
    "left_out_one": "and 1 more alert: see 'gatewatch alerts list'",
    "shortened": "shortened: see 'gatewatch alerts list'",
}
"""What is said of what was left out, where a message does not say it: one queued by an earlier version."""


class _Piece(NamedTuple):
    text: str
    alerts: int
    rank: int


def shortened(message: Mapping[str, Any], fits: Fits) -> tuple[str, str]:
    """The title and the body of a message, cut as little as `fits` allows.

    Its `pieces` are the body in order, each with its text, the number of alerts that only it tells of, and its rank:
    the highest are left out first. The `tail`, which has the id, stays; `left_out`, `left_out_one` and `shortened` say,
    with `{count}`, how many alerts were left out and where to read of them.

    >>> pieces = [["the first, which is long", 1, 1], ["the worst", 1, 0]]
    >>> message = {"title": "t", "body": "x" * 50, "pieces": pieces, "tail": "id 7", "left_out_one": "and 1 more alert"}
    >>> shortened(message, lambda title, body: len(body) < 50)
    ('t', 'the worst\\nand 1 more alert\\nid 7')
    """
    title, body = str(message["title"]), str(message["body"])
    if fits(title, body):
        return title, body
    pieces, tail = _pieces(message)
    title = _longest(len(title), lambda length: _cut(title, length), lambda text: fits(text, ""))
    more = _OF_AN_OLDER_MESSAGE | {key: str(message[key]) for key in _OF_AN_OLDER_MESSAGE if key in message}
    body = _longest(
        len(pieces) - 1, lambda kept: _body(pieces, kept, tail, more), lambda candidate: fits(title, candidate)
    )
    if fits(title, body):
        return title, body
    # Not even a count: the title names the worst and says how many there are, the tail has the id.
    body = tail.strip()
    return _longest(len(title), lambda length: _cut(title, length), lambda text: fits(text, body)), body


def _pieces(message: Mapping[str, Any]) -> tuple[list[_Piece], str]:
    """The pieces and the tail; of a message queued by a version without them, the lines and the last one."""
    if message.get("pieces"):
        return [_Piece(*piece) for piece in message["pieces"]], str(message.get("tail", ""))
    *lines, tail = str(message["body"]).split("\n")
    return [_Piece(line, 0, n) for n, line in enumerate(lines)], tail


def _body(pieces: Sequence[_Piece], kept: int, tail: str, more: Mapping[str, str]) -> str:
    """The body with the `kept` best pieces."""
    left_out = sum(piece.alerts for piece in pieces if piece.rank >= kept)
    key = "shortened" if not left_out else "left_out_one" if left_out == 1 else "left_out"
    count = more[key].replace("{count}", str(left_out))
    texts = [piece.text for piece in pieces if piece.rank < kept]
    return "\n".join(text for text in (*texts, count, tail) if text).lstrip("\n")


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: max(0, length - 3)]}..."


def _longest(most: int, text: Callable[[int], str], good: Callable[[str], bool]) -> str:
    """`text` of the largest number up to `most` for which it is good, or of 0."""
    low, high = 0, max(0, most)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if good(text(middle)) else (low, middle - 1)
    return text(low)
