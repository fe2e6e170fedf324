"""The text of a message: what, where, since when, value and limit, cause, what to do. Without markup."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from alerting.notifications.decide import Episode, Kind, Message, Note
from exporters.metrics.shared.labels import SEVERITIES

_DETAILED = 4
"""Alerts of a note that are described with cause and action; further ones get a line each."""
_LISTED = 16
_SUMMARY_LENGTH = 300
_NAME_LENGTH = 80
_WORST, _ADVICE, _OTHERS, _MORE, _OVER = range(5)
"""What is left out last, first to last."""

_TITLE_PREFIXES = {
    Kind.OPENED: "",
    Kind.JOINED: "also ",
    Kind.RAISED: "now ",
    Kind.REPEATED: "still ",
    Kind.RESOLVED: "over: ",
    Kind.INFO: "",
}


@dataclass(frozen=True, slots=True)
class Advice:
    """The cause, action and runbook of an alert; `measured`: whether its value and limit mean something to a person."""

    cause: str = ""
    action: str = ""
    runbook: str = ""
    measured: bool = True


@dataclass(frozen=True, slots=True)
class MessageContext:
    """The site, the step of each subject, the advice for each alert, and the address of the pages ('' if none)."""

    site: str
    step_of: Callable[[str], str]
    advice: Callable[[str], Advice]
    pages: str = ""

    @property
    def more(self) -> str:
        """Where to read what a message does not say."""
        return f"see {self.pages} or 'gatewatch alerts list'" if self.pages else "see 'gatewatch alerts list'"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines of a body: how many alerts nothing else tells of, and its rank: the highest is left out first."""

    text: str
    alerts: int
    rank: int


@dataclass(frozen=True, slots=True)
class Text:
    """A title for a small screen and a body, which is its pieces and the tail, a line each."""

    title: str
    body: str
    pieces: tuple[Piece, ...] = ()
    tail: str = ""


class _Order(NamedTuple):
    """What is left out last: the worst alert, then its advice, then that there are others, what is over at last."""

    stage: int
    severity: int = 0


class _Draft(NamedTuple):
    """A piece before all pieces of the message are ranked."""

    text: str
    alerts: int
    order: _Order


def message_text(message: Message, context: MessageContext) -> Text:
    """The text of a message; its last line is the id, which is the same when the message is sent again."""
    titles = [_note_title(note, context) for note in message.notes]
    drafts = [_note_drafts(note, context) for note in message.notes]
    if len(titles) == 1:
        return _text(titles[0], drafts[0], f"\nid {message.key}")
    title = f"{len(titles)} lines of site {_plain(context.site, _NAME_LENGTH)} at once: {titles[0]}, ..."
    named = []
    for n, (own, pieces) in enumerate(zip(titles, drafts, strict=True)):
        # Above the first piece of its line that is kept; the first line keeps its worst alert.
        first = min(piece.order for piece in pieces if piece.alerts)
        moved = [piece if n == 0 else piece._replace(order=_after(piece.order)) for piece in pieces]
        named += [_Draft("\n" * (n > 0) + own, 0, first if n == 0 else _after(first)), *moved]
    return _text(title, named, f"\nid {message.key}")


def _after(order: _Order) -> _Order:
    """Of the other lines, the worst alert and its advice are like any other."""
    return order._replace(stage={_WORST: _OTHERS, _ADVICE: _MORE}.get(order.stage, order.stage))


def _text(title: str, drafts: Sequence[_Draft], tail: str) -> Text:
    in_order = sorted(range(len(drafts)), key=lambda n: (drafts[n].order, n))
    ranks = {n: rank for rank, n in enumerate(in_order)}
    pieces = tuple(Piece(draft.text, draft.alerts, ranks[n]) for n, draft in enumerate(drafts))
    return Text(title, "\n".join([*(piece.text for piece in pieces), *([tail] if tail else [])]), pieces, tail)


def note_text(note: Note, context: MessageContext) -> Text:
    """The text of one note, without its id."""
    return _text(_note_title(note, context), _note_drafts(note, context), "")


def _note_title(note: Note, context: MessageContext) -> str:
    shown = _shown(note)
    more = f" and {len(shown) - 1} more" if len(shown) > 1 else ""
    return f"{_TITLE_PREFIXES[note.kind]}{_title(shown[0])}{more}, {_where(note, context)}"


def _note_drafts(note: Note, context: MessageContext) -> list[_Draft]:
    shown = _shown(note)
    # One line is enough for an alert that is over, unless it has not been announced before.
    detailed = tuple(e for e in shown if e in note.fired or e in note.still)
    return [
        *_full(detailed, context),
        *_short("over", [e for e in note.resolved if e not in detailed], _OVER),
        *_short("still on", [e for e in note.still if e not in detailed], _OTHERS),
        _Draft(f"{_where(note, context)}; for {note.team}", 0, _Order(_ADVICE)),
    ]


def _shown(note: Note) -> tuple[Episode, ...]:
    """The alerts that the note is about, most severe first."""
    about = note.resolved if note.kind is Kind.RESOLVED else note.fired or note.still or note.resolved
    return tuple(sorted(about, key=_severity))


def _where(note: Note, context: MessageContext) -> str:
    line = f"line {_plain(note.line, _NAME_LENGTH)}, " if note.line else ""
    return f"{line}site {_plain(context.site, _NAME_LENGTH)}"


def _title(episode: Episode) -> str:
    return f"{episode.severity} {_plain(episode.name, _NAME_LENGTH)} {_plain(episode.subject, _NAME_LENGTH)}"


def _full(episodes: Sequence[Episode], context: MessageContext) -> list[_Draft]:
    detailed = [piece for n, e in enumerate(episodes[:_DETAILED]) for piece in _details(e, n == 0, context)]
    return detailed + _short("new", episodes[_DETAILED:], _OTHERS)


def _details(episode: Episode, worst: bool, context: MessageContext) -> list[_Draft]:
    advice = context.advice(episode.name)
    step = context.step_of(episode.subject)
    at_step = f" at step {_plain(step, _NAME_LENGTH)}" if step and step != episode.subject else ""
    ended = f" until {_time(episode.ended_at)}" if episode.ended_at else ""
    measured = _measured(episode) if advice.measured else ""
    head = (
        f"{_title(episode)}{at_step}, since {_time(episode.since)}{ended}\n"
        f"  {_plain(episode.summary, _SUMMARY_LENGTH)}{measured}"
    )
    items = (
        ("likely cause", _plain(episode.likely, _SUMMARY_LENGTH)), ("cause", advice.cause), ("do", advice.action),
        ("runbook", advice.runbook),
    )  # fmt: skip
    what_to_do = "\n".join(f"  {word}: {text}" for word, text in items if text)
    severity = _severity(episode)
    pieces = [_Draft(head, 1, _Order(_WORST if worst else _OTHERS, severity))]
    return pieces + [_Draft(what_to_do, 0, _Order(_ADVICE if worst else _MORE, severity))] * bool(what_to_do)


def _short(word: str, episodes: Sequence[Episode], stage: int) -> list[_Draft]:
    lines = [_Draft(f"{word}: {_title(e)}, {_span(e)}", 1, _Order(stage, _severity(e))) for e in episodes[:_LISTED]]
    hidden = len(episodes) - len(lines)
    if hidden:
        lines.append(_Draft(f"{word}: {hidden} more, see 'gatewatch alerts list'", hidden, _Order(_MORE)))
    return lines


def _severity(episode: Episode) -> int:
    return SEVERITIES.index(episode.severity) if episode.severity in SEVERITIES else 0


def _span(episode: Episode) -> str:
    return f"since {_time(episode.since)}" + (f" until {_time(episode.ended_at)}" if episode.ended_at else "")


def _measured(episode: Episode) -> str:
    if episode.value is None:
        return ""
    limit = "" if episode.limit is None else f", limit {episode.limit:.6g}"
    return f" (value {episode.value:.6g}{limit})"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _plain(text: str, longest: int) -> str:
    """Text from outside, with control characters escaped, truncated to `longest` characters."""
    clean = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return clean if len(clean) <= longest else f"{clean[: longest - 3]}..."
