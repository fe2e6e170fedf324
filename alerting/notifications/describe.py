"""What a message says of one alert, in the words of its team: what, where, since when, what to do, where to look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from alerting.notifications.decide import Episode
from alerting.notifications.languages.amounts import TEXT_LENGTH, duration, plain
from alerting.notifications.languages.headline import OUTSIDE, headline, summary
from alerting.notifications.languages.sentences import Sentences
from alerting.quality.figures import CHATTERING
from monitor.instants import time_of_day
from monitor.model import DRILL_LINE


def runbook_url(pages: str, runbooks: str, alert: str) -> str:
    """The page of a runbook where people reach pages, else its file."""
    return f"{pages}runbooks/{quote(alert, safe='')}" if pages else f"{runbooks}{alert}.md"


@dataclass(frozen=True, slots=True)
class MessageContext:
    """What messages show of the plant: the site, the step of each subject, the words of a team, where its pages are.

    `pages` is the public address with a slash at the end, '' if none; `runbooks` precedes NAME.md where there is none.
    `zone` is the IANA zone of times.
    """

    site: str
    step_of: Callable[[str], str]
    words_of: Callable[[str], Sentences]
    pages: str = ""
    runbooks: str = "docs/runbooks/"
    zone: str = "UTC"

    def runbook(self, alert: str) -> str:
        """Where the runbook of an alert is."""
        return runbook_url(self.pages, self.runbooks, alert)

    def time(self, at: datetime, now: datetime) -> str:
        """A time of day, with the date unless it is today's; in the plant's zone, with UTC."""
        zone = ZoneInfo(self.zone)
        text = time_of_day(at, now, zone)
        is_utc = at.astimezone(zone).utcoffset() == timedelta(0)
        return f"{text} UTC" if is_utc else f"{text} ({at.astimezone(UTC):%H:%M} UTC)"


@dataclass(frozen=True, slots=True)
class Teller:
    """Says things of the alerts of one note, made at `at`, in the words of its team."""

    words: Sentences
    context: MessageContext
    at: datetime

    def named(self, episode: Episode) -> str:
        """Severity and what it is, for a title or a list: without details but the worst measured thing."""
        return self._with_severity(episode, self._short(episode))

    def head(self, episode: Episode) -> str:
        """What, since when, and at which step and line."""
        what = self._with_severity(episode, self._whole(episode))
        if episode.ended_at is None:
            text = self.words.say("since", what=what, since=self.time(episode.since))
        else:
            text = self._over("came_and_went", what, episode)
        where = self._where(episode)
        return f"{text}; {where}" if where else text

    def over(self, episode: Episode) -> str:
        """That an alert is over, and how long it was on."""
        return self._over("over", self.named(episode), episode)

    def on(self, key: str, episode: Episode) -> str:
        """An alert that is on, in one line."""
        return self.words.say(key, what=self.named(episode), since=self.time(episode.since))

    def action(self, episode: Episode) -> str:
        """What to do; '' for an alert that the program does not have."""
        return self._advice("do", episode)

    def links(self, episode: Episode) -> str:
        """The page of the subject and the runbook of the alert, a line each."""
        pages = self.context.pages
        runbook = self.context.runbook(episode.name) if self.words.of_alert(episode.name, "do") else ""
        subject = f"{pages}subjects/{quote(episode.subject.encode('utf-8', 'replace'), safe='')}" if pages else ""
        links = (("page", subject), ("runbook", runbook))
        return "\n".join(f"  {self.words.say(key, url=url)}" for key, url in links if url)

    def why(self, episode: Episode) -> str:
        """The likely cause and what the alert says of causes in general, a line each."""
        likely = [self.words.detail("", said) for said in episode.likely]
        what = self.words.say("cause_or", what=likely[0], more=likely[1]) if len(likely) > 1 else "".join(likely)
        lines = (f"  {self.words.say('likely_cause', what=what)}" if what else "", self._advice("cause", episode))
        return "\n".join(line for line in lines if line)

    def line(self, name: str) -> str:
        """A line in words; '' for none, and for that of a drill, which is no place."""
        return self.words.say("line", line=name) if name not in ("", DRILL_LINE) else ""

    def time(self, at: datetime) -> str:
        """A time as people read it when the note was made."""
        return self.context.time(at, self.at)

    def _with_severity(self, episode: Episode, what: str) -> str:
        severity = self.words.sentences.get(episode.severity, plain(episode.severity))
        if episode.times >= CHATTERING:
            what = self.words.say("chattering", what=what, count=str(episode.times))
        return self.words.say("named", severity=severity, what=what)

    def _short(self, episode: Episode) -> str:
        outside = [said for said in episode.details or () if said.key in OUTSIDE.values()]
        if outside:
            return headline(self.words, episode.name, episode.condition, episode.subject, outside[:1])
        what = summary(self.words, episode.name, episode.condition, episode.subject)
        return what or plain(episode.summary, TEXT_LENGTH)

    def _whole(self, episode: Episode) -> str:
        # Of an alert from before details were kept, its summary has them.
        details = episode.details
        what = None if details is None else self._headline(episode)
        return what or plain(episode.summary, TEXT_LENGTH)

    def _headline(self, episode: Episode) -> str:
        return headline(self.words, episode.name, episode.condition, episode.subject, episode.details or ())

    def _over(self, key: str, what: str, episode: Episode) -> str:
        end = episode.ended_at or self.at
        times = {"since": self.time(episode.since), "end": self.time(end)}
        return self.words.say(key, what=what, duration=duration(end - episode.since), **times)

    def _where(self, episode: Episode) -> str:
        step = episode.step or self.context.step_of(episode.subject)
        said = (self.words.say("step", step=step) if step not in ("", episode.subject) else "", self.line(episode.line))
        return ", ".join(text for text in said if text)

    def _advice(self, key: str, episode: Episode) -> str:
        text = self.words.of_alert(episode.name, key)
        return f"  {self.words.say(key, what=text)}" if text else ""
