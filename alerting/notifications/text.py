"""The text of a message: what, where, since when, value and limit, cause, what to do. Without markup."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerting.notifications.decide import Episode, Kind, Message, Note
from exporters.metrics.shared.labels import SEVERITIES

_DETAILED = 4
"""Alerts of a note that are described with cause and action; further ones get a line each."""
_LISTED = 16
_SUMMARY_LENGTH = 300
_NAME_LENGTH = 80

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
    """The cause, action and runbook of an alert."""

    cause: str = ""
    action: str = ""
    runbook: str = ""


@dataclass(frozen=True, slots=True)
class MessageContext:
    """The site, the step of each subject and the advice for each alert."""

    site: str
    step_of: Callable[[str], str]
    advice: Callable[[str], Advice]


@dataclass(frozen=True, slots=True)
class Text:
    """A title for a small screen and a body."""

    title: str
    body: str


def message_text(message: Message, context: MessageContext) -> Text:
    """The text of a message; its last line is the id, which is the same when the message is sent again."""
    notes = [note_text(note, context) for note in message.notes]
    if len(notes) == 1:
        title, bodies = notes[0].title, [notes[0].body]
    else:
        title = f"{len(notes)} lines of site {_plain(context.site, _NAME_LENGTH)} at once: {notes[0].title}, ..."
        bodies = [f"{note.title}\n{note.body}" for note in notes]
    return Text(title, "\n\n".join([*bodies, f"id {message.key}"]))


def note_text(note: Note, context: MessageContext) -> Text:
    """The text of one note, without its id."""
    shown = _shown(note)
    more = f" and {len(shown) - 1} more" if len(shown) > 1 else ""
    title = f"{_TITLE_PREFIXES[note.kind]}{_title(shown[0])}{more}, {_where(note, context)}"
    # One line is enough for an alert that is over, unless it has not been announced before.
    detailed = tuple(e for e in shown if e in note.fired or e in note.still)
    parts = [
        *_full(detailed, context),
        *_short("over", [e for e in note.resolved if e not in detailed]),
        *_short("still on", [e for e in note.still if e not in detailed]),
        f"{_where(note, context)}; for {note.team}",
    ]
    return Text(title, "\n".join(parts))


def _shown(note: Note) -> tuple[Episode, ...]:
    """The alerts that the note is about, most severe first."""
    about = note.resolved if note.kind is Kind.RESOLVED else note.fired or note.still or note.resolved
    return tuple(sorted(about, key=lambda e: SEVERITIES.index(e.severity) if e.severity in SEVERITIES else 0))


def _where(note: Note, context: MessageContext) -> str:
    line = f"line {_plain(note.line, _NAME_LENGTH)}, " if note.line else ""
    return f"{line}site {_plain(context.site, _NAME_LENGTH)}"


def _title(episode: Episode) -> str:
    return f"{episode.severity} {_plain(episode.name, _NAME_LENGTH)} {_plain(episode.subject, _NAME_LENGTH)}"


def _full(episodes: Sequence[Episode], context: MessageContext) -> list[str]:
    return [line for e in episodes[:_DETAILED] for line in _details(e, context)] + _short("new", episodes[_DETAILED:])


def _details(episode: Episode, context: MessageContext) -> list[str]:
    advice = context.advice(episode.name)
    step = context.step_of(episode.subject)
    at_step = f" at step {_plain(step, _NAME_LENGTH)}" if step and step != episode.subject else ""
    ended = f" until {_time(episode.ended_at)}" if episode.ended_at else ""
    lines = [
        f"{_title(episode)}{at_step}, since {_time(episode.since)}{ended}",
        f"  {_plain(episode.summary, _SUMMARY_LENGTH)}{_measured(episode)}",
    ]
    items = (("cause", advice.cause), ("do", advice.action), ("runbook", advice.runbook))
    return lines + [f"  {word}: {text}" for word, text in items if text]


def _short(word: str, episodes: Sequence[Episode]) -> list[str]:
    lines = [f"{word}: {_title(e)}, {_span(e)}" for e in episodes[:_LISTED]]
    hidden = len(episodes) - len(lines)
    return lines + ([f"{word}: {hidden} more, see 'gatewatch alerts list'"] if hidden else [])


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
