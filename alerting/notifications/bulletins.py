"""The texts of what is told by the clock: the handover of a shift, and what changed since the last report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerting.notifications.decide import Episode, stamp
from alerting.notifications.describe import MessageContext, Teller
from alerting.notifications.languages.sentences import Sentences
from alerting.notifications.text import Draft, Order, Text, laid_out

_STANDING = 6
"""Standing alerts that are named; the others are counted."""
_NAMED = 4
"""Gates, steps, parts of a line that are named; the others are counted."""
_FIRST, _LINK, _FIGURES, _ALERTS = range(4)
"""What is left out last, first to last."""


@dataclass(frozen=True, slots=True)
class ShiftNews:
    """What happened in the shift `shift` and until `until`: standing alerts, the worst first; numbers of alerts.

    `held` are gate, reason and number of parts, the most first, of `parts` in all; `overridden` are serial, gate, what
    was recommended and what was done, of `dispositions` in all.
    """

    shift: str
    since: datetime
    until: datetime
    stands: Sequence[Episode]
    opened: int
    closed: int
    held: Sequence[tuple[str, str, int]]
    parts: int
    overridden: Sequence[tuple[str, str, str, str]]
    dispositions: int


@dataclass(frozen=True, slots=True)
class ReportNews:
    """What changed from `since` to `until`, for the message of a report of `kind`, daily or weekly.

    `a_day` is the number of alarms, a day; `stale` and `flapping` (as they are stored) count those that stand and those
    that chatter. `models` are gate, version before ('' where there was none) and now. `saved` is the cost avoided in
    the months that the report touches, `saved_more` how much of it is new since the last report, each None where it is
    not known.
    """

    kind: str
    since: datetime
    until: datetime
    opened: int
    closed: int
    standing: int
    a_day: float
    stale: int
    flapping: int
    models: Sequence[tuple[str, str, str]]
    drifted: Sequence[str]
    requested: int
    promoted: int
    saved: float | None
    saved_more: float | None
    currency: str
    file: str


def bulletin_key(team: str, kind: str, due: datetime) -> str:
    """The stable id of a message: the same whenever what was due at an instant is told."""
    return f"{team}:{kind}:{stamp(due)}"


def handover_text(news: ShiftNews, team: str, key: str, context: MessageContext) -> Text:
    """The message at the start of a shift, about the one before it."""
    words, teller = context.words_of(team), Teller(context.words_of(team), context, news.until)
    site = words.say("site", site=context.site)
    title = words.say(
        "handover_title", shift=news.shift, where=site, standing=str(len(news.stands)), opened=str(news.opened),
        closed=str(news.closed),
    )  # fmt: skip
    held = _listed(words, [words.say("held_one", gate=g, reason=_plain(r), count=str(n)) for g, r, n in news.held])
    done = [
        words.say("overridden_one", serial=serial, gate=gate, verdict=verdict, done=_plain(disposition))
        for serial, gate, verdict, disposition in news.overridden
    ]
    lines = [
        (_period(words, teller, news.since, news.until), _FIRST),
        (words.say("held_parts", count=str(news.parts), what=held), _FIGURES),
        (
            words.say("overridden_parts", count=str(len(done)), all=str(news.dispositions), what=_listed(words, done)),
            _FIGURES,
        ),
    ]
    stands = [Draft(teller.on("still_on", episode), 1, Order(_ALERTS)) for episode in news.stands[:_STANDING]]
    hidden = len(news.stands) - len(stands)
    if hidden:
        stands.append(Draft(words.say("more_still_on", count=str(hidden)), hidden, Order(_ALERTS)))
    url = f"{context.pages}handover?since={news.since:%Y-%m-%dT%H:%MZ}" if context.pages else ""
    figures = [Draft(text, 0, Order(stage)) for text, stage in lines]
    return laid_out(title, [figures[0], *stands, *figures[1:], *_ending(words, url, site, team)], f"\nid {key}")


def report_text(news: ReportNews, team: str, key: str, context: MessageContext) -> Text:
    """The message about a report: what changed since the last one, and where the whole of it is."""
    words, teller = context.words_of(team), Teller(context.words_of(team), context, news.until)
    site = words.say("site", site=context.site)
    title = words.say(
        f"report_{news.kind}", where=site, standing=str(news.standing), opened=str(news.opened),
        closed=str(news.closed),
    )  # fmt: skip
    models = [
        words.say("model_one", gate=gate, before=before or "-", after=after) for gate, before, after in news.models
    ]
    rate = words.amounts({"rate": (round(news.a_day, 1), "number")})["rate"]
    lines = [
        _period(words, teller, news.since, news.until),
        words.say("report_alarms", rate=rate, standing=str(news.stale), flapping=str(news.flapping)),
        words.say("report_models", what=_listed(words, models)),
        words.say("report_drift", what=_listed(words, news.drifted)),
        *_saved(words, news),
        words.say("report_retraining", count=str(news.requested), promoted=str(news.promoted)),
    ]
    pieces = [Draft(line, 0, Order(_FIRST if n == 0 else _FIGURES)) for n, line in enumerate(lines)]
    url = f"{context.pages}reports/{news.file}" if context.pages else f"reports/{news.file}"
    return laid_out(title, [*pieces, *_ending(words, url, site, team)], f"\nid {key}")


def _saved(words: Sentences, news: ReportNews) -> Iterable[str]:
    if news.saved is None:
        return
    saved = _money(words, news.saved, news.currency)
    if news.saved_more is None:
        yield words.say("report_saved", saved=saved)
    else:
        yield words.say("report_saved_more", saved=saved, more=_money(words, news.saved_more, news.currency))


def _money(words: Sentences, cost: float, currency: str) -> str:
    """A sum in whole units, in groups of three as the language separates them."""
    grouped = f"{cost:,.0f}" if words.decimal == "." else f"{cost:,.0f}".replace(",", ".")
    return f"{grouped} {currency}".strip()


def _period(words: Sentences, teller: Teller, since: datetime, until: datetime) -> str:
    return words.say("period", since=teller.time(since), end=teller.time(until))


def _listed(words: Sentences, texts: Sequence[str]) -> str:
    """Some of the texts and how many more there are; a word for none."""
    shown = list(texts[:_NAMED])
    if len(texts) > len(shown):
        shown.append(words.say("more", count=str(len(texts) - len(shown))))
    return ", ".join(shown) or words.say("none")


def _ending(words: Sentences, url: str, where: str, team: str) -> list[Draft]:
    link = [Draft(words.say("page", url=url), 0, Order(_LINK))] if url else []
    return [*link, Draft(words.say("for_team", where=where, team=team), 0, Order(_LINK))]


def _plain(word: str) -> str:
    return word.replace("_", " ")
