"""The text of a message: what, where, since when, what to do, where to look, why. Without markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from alerting.notifications.decide import ENDS, Episode, Kind, Message, Note
from alerting.notifications.describe import MessageContext, Teller
from alerting.notifications.languages.amounts import plain
from alerting.notifications.languages.sentences import Sentences
from exporters.metrics.shared.labels import SEVERITIES

_DETAILED = 4
"""Alerts of a note that are described with cause and action; further ones get a line each."""
_LISTED = 16
_NAMED = 500
"""Critical alerts beyond those whose subjects are still named."""
_WORST, _ACTION, _LINKS, _OTHERS, _WHY, _MORE, _OVER = range(7)
"""What is left out last, first to last."""
_OF_ANOTHER_LINE = {_WORST: _OTHERS, _ACTION: _MORE, _LINKS: _MORE, _WHY: _MORE}


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


class Order(NamedTuple):
    """What is left out last: the worst alert, then what to do about it, its links, that there are others, and why."""

    stage: int
    severity: int = 0


class Draft(NamedTuple):
    """A piece before all pieces of the message are ranked."""

    text: str
    alerts: int
    order: Order


def message_text(message: Message, context: MessageContext) -> Text:
    """The text of a message; its last line is the id, which is the same when the message is sent again."""
    tellers = [_teller(note, context) for note in message.notes]
    titles = [_note_title(note, teller) for note, teller in zip(message.notes, tellers, strict=True)]
    drafts = [_note_drafts(note, teller) for note, teller in zip(message.notes, tellers, strict=True)]
    if len(titles) == 1:
        return laid_out(titles[0], drafts[0], f"\nid {message.key}")
    title = tellers[0].words.say("lines_at_once", count=str(len(titles)), site=context.site, first=titles[0])
    named = []
    for n, (own, pieces) in enumerate(zip(titles, drafts, strict=True)):
        # Above the first piece of its line that is kept; the first line keeps its worst alert.
        first = min(piece.order for piece in pieces if piece.alerts)
        moved = [piece if n == 0 else piece._replace(order=_after(piece.order)) for piece in pieces]
        named += [Draft("\n" * (n > 0) + own, 0, first if n == 0 else _after(first)), *moved]
    return laid_out(title, named, f"\nid {message.key}")


def more_of(words: Sentences, pages: str) -> dict[str, str]:
    """What a shortened message says of what was left out of it, each with `{count}` as the only placeholder."""
    where = words.say("see_pages", url=pages) if pages else words.say("see")
    return {
        key: words.sentences[key].replace("{where}", where.replace("{", "").replace("}", ""))
        for key in ("left_out", "left_out_one", "shortened")
    }


def _after(order: Order) -> Order:
    """Of the other lines, the worst alert and its advice are like any other."""
    return order._replace(stage=_OF_ANOTHER_LINE.get(order.stage, order.stage))


def laid_out(title: str, drafts: Sequence[Draft], tail: str) -> Text:
    """A text of these pieces, in this order, each with a rank of its own."""
    in_order = sorted(range(len(drafts)), key=lambda n: (drafts[n].order, n))
    ranks = {n: rank for rank, n in enumerate(in_order)}
    pieces = tuple(Piece(draft.text, draft.alerts, ranks[n]) for n, draft in enumerate(drafts))
    return Text(title, "\n".join([*(piece.text for piece in pieces), *([tail] if tail else [])]), pieces, tail)


def note_text(note: Note, context: MessageContext) -> Text:
    """The text of one note, without its id."""
    teller = _teller(note, context)
    return laid_out(_note_title(note, teller), _note_drafts(note, teller), "")


def _teller(note: Note, context: MessageContext) -> Teller:
    return Teller(context.words_of(note.team), context, note.at)


def _note_title(note: Note, teller: Teller) -> str:
    shown, words = _collapsed(_shown(note)), teller.words
    what = teller.named(shown[0])
    if len(shown) > 1:
        what = words.say("and_more", what=what, count=str(len(shown) - 1))
    over = note.kind in ENDS or (note.kind is Kind.ESCALATED and note.sequence > 1)
    kind = Kind.RESOLVED if over else note.kind
    return words.say("title", what=words.say(f"title_{kind.value}", what=what), where=_where(note, teller))


def _note_drafts(note: Note, teller: Teller) -> list[Draft]:
    # One line is enough for an alert that is over, unless it has not been announced before.
    new = {_identity(e) for e in (*note.fired, *note.still)}
    detailed = [e for e in _collapsed(_shown(note)) if _identity(e) in new]
    told = {_identity(e) for e in detailed}
    return [
        *_full(detailed, teller),
        *_short("over", [e for e in _collapsed(note.resolved) if _identity(e) not in told], _OVER, teller),
        *_short("still_on", [e for e in _collapsed(note.still) if _identity(e) not in told], _OTHERS, teller),
        Draft(teller.words.say("for_team", where=_where(note, teller), team=note.team), 0, Order(_LINKS)),
    ]


def _identity(episode: Episode) -> tuple[str, str, str]:
    return episode.name, episode.condition, episode.subject


def _collapsed(episodes: Sequence[Episode]) -> tuple[Episode, ...]:
    """An alert that fired several times as one: the newest, since the first, with how often it fired."""
    by_alert: dict[tuple[str, str, str], list[Episode]] = {}
    for episode in episodes:
        by_alert.setdefault(_identity(episode), []).append(episode)
    found = []
    for same in by_alert.values():
        newest = max(same, key=lambda e: e.id)
        found.append(replace(newest, since=min(e.since for e in same), times=sum(e.times for e in same)))
    return tuple(found)


def _shown(note: Note) -> tuple[Episode, ...]:
    """The alerts that the note is about, most severe first."""
    about = note.resolved if note.kind in ENDS else note.fired or note.still or note.resolved
    return tuple(sorted(about, key=_severity))


def _where(note: Note, teller: Teller) -> str:
    site, line = teller.words.say("site", site=teller.context.site), teller.line(note.line)
    return f"{line}, {site}" if line else site


def _full(episodes: Sequence[Episode], teller: Teller) -> list[Draft]:
    detailed = [piece for n, e in enumerate(episodes[:_DETAILED]) for piece in _details(e, n == 0, teller)]
    return detailed + _short("new", episodes[_DETAILED:], _OTHERS, teller)


def _details(episode: Episode, worst: bool, teller: Teller) -> list[Draft]:
    severity = _severity(episode)
    parts = (
        (teller.head(episode), 1, _WORST if worst else _OTHERS),
        (teller.action(episode), 0, _ACTION if worst else _MORE),
        (teller.links(episode), 0, _LINKS if worst else _MORE),
        (teller.why(episode), 0, _WHY if worst else _MORE),
    )
    return [Draft(text, alerts, Order(stage, severity)) for text, alerts, stage in parts if text]


def _short(key: str, episodes: Sequence[Episode], stage: int, teller: Teller) -> list[Draft]:
    lines = [
        Draft(teller.over(e) if e.ended_at else teller.on(key, e), 1, Order(stage, _severity(e)))
        for e in episodes[:_LISTED]
    ]
    hidden = episodes[_LISTED:]
    critical = [e for e in hidden if e.critical and e.ended_at is None]
    if critical:
        # Whoever is called to a flood must know where it is worst.
        named = ", ".join(dict.fromkeys(plain(e.subject) for e in critical[:_NAMED]))
        lines.append(Draft(teller.words.say("also_critical", names=named), 0, Order(_OTHERS, len(SEVERITIES))))
    if hidden:
        text = teller.words.say(f"more_{key}", count=str(len(hidden)))
        lines.append(Draft(text, len(hidden), Order(_MORE)))
    return lines


def _severity(episode: Episode) -> int:
    return SEVERITIES.index(episode.severity) if episode.severity in SEVERITIES else 0
