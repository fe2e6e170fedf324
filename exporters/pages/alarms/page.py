"""The page of alarms: what fires and who attends to it, what is shelved, and the newest entries of the record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from alerting.quality.figures import AlarmQuality
from exporters.html.alarm_quality import quality_tables
from exporters.html.html import Html, chip, table, tag
from exporters.pages.clock import Clock
from exporters.pages.part_style import PART_STYLE
from exporters.pages.parts import REFRESH_SECONDS, Top, framed, links, runbook_link, section, subject_link


class Alarm(NamedTuple):
    """An alert that fires: `acknowledged_by` is '' while nobody attends to it, `cause` where none is known.

    `maintenance` is the window that it is in, with its reason, '' where it is in none.
    """

    name: str
    subject: str
    severity: str
    team: str
    summary: str
    cause: str
    since: datetime
    acknowledged_by: str
    shelved: bool
    maintenance: str = ""

    @property
    def waits(self) -> bool:
        """Whether it waits for somebody."""
        return not (self.acknowledged_by or self.shelved or self.maintenance)


class Shelved(NamedTuple):
    """An alert that is not told until then; `place` says where it can be told again before, '' for here."""

    name: str
    subject: str
    until: datetime
    actor: str
    reason: str
    place: str = ""


class Done(NamedTuple):
    """An entry of the record."""

    id: int
    at: datetime
    actor: str
    role: str
    action: str
    about: str
    note: str


class Lately(NamedTuple):
    """The alarm quality of the newest days, and since when these are."""

    since: datetime
    quality: AlarmQuality

    def as_json(self) -> dict[str, object]:
        """As JSON, times as ISO 8601, lengths in seconds."""
        lists = self.quality._asdict().items()
        return {
            "since": self.since.isoformat(),
            **{name: [_plain(row._asdict()) for row in rows] for name, rows in lists},
        }


@dataclass(frozen=True, slots=True)
class Alarms:
    """What the page shows; `lately` is None where nothing is known of it."""

    firing: tuple[Alarm, ...] = ()
    shelved: tuple[Shelved, ...] = ()
    done: tuple[Done, ...] = ()
    lately: Lately | None = None

    def as_json(self) -> dict[str, object]:
        """The same as JSON, times as ISO 8601."""
        lists = (("firing", self.firing), ("shelved", self.shelved), ("done", self.done))
        found: dict[str, object] = {name: [_plain(row._asdict()) for row in rows] for name, rows in lists}
        return found if self.lately is None else {**found, "quality": self.lately.as_json()}


def _plain(row: dict[str, object]) -> dict[str, object]:
    return {key: _plain_value(value) for key, value in row.items()}


def _plain_value(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    # A lone surrogate cannot be sent as UTF-8.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Who is logged in, in which role; `key` goes with each form."""

    name: str
    role: str
    key: str


def alarms_page(
    found: Alarms, person: LoggedIn | None, can_log_in: bool, new_request: Callable[[], str], top: Top
) -> str:
    """The page; `new_request` makes the id of a form, which the server takes once."""
    forms = _Forms(person, new_request)
    waiting = sum(row.waits for row in found.firing)
    return framed(
        "Alarms",
        top,
        tag("header", tag("h1", "Alarms"), links(tag("a", "as JSON", href="/alarms?format=json"))),
        section(f"{len(found.firing)} fire, {waiting} wait for somebody", _firing(found, forms, top.clock)),
        section(f"{len(found.shelved)} shelved", _shelved(found, forms, top.clock)),
        section("Done lately", _done(found, top.clock)),
        *_quality(found.lately, top.clock),
        _log_in(person, can_log_in),
        # A page with a form that is being filled in must not be loaded again.
        refresh=0 if person else REFRESH_SECONDS,
        style=PART_STYLE,
    )


@dataclass(frozen=True, slots=True)
class _Forms:
    """Makes the forms of a person; none where nobody is logged in."""

    person: LoggedIn | None
    new_request: Callable[[], str]

    def of(self, action: str, label: str, name: str, subject: str, *fields: Html) -> Iterator[Html]:
        if self.person is None:
            return
        hidden = {"action": action, "name": name, "subject": subject, "key": self.person.key,
                  "request": self.new_request()}  # fmt: skip
        inputs = (tag("input", type="hidden", name=key, value=value) for key, value in hidden.items())
        yield tag("form", *inputs, *fields, tag("button", label), action="/alarms/act", method="post")


def _field(name: str, label: str, **more: str) -> Html:
    return tag("input", name=name, placeholder=label, aria_label=label, maxlength="500", **more)


def _firing(found: Alarms, forms: _Forms, clock: Clock) -> Html:
    rows: list[tuple[str, ...]] = [
        (
            chip(row.severity), runbook_link(row.name), subject_link(row.subject), row.team or "-", row.summary,
            row.cause or "-", clock.ago(row.since), _attended(row), tag("div", *_answers(row, forms)),
        )
        for row in found.firing
    ]  # fmt: skip
    heads = ("", "Alert", "Where", "Team", "What", "Likely cause", "Since", "Attended to", "Answer")
    return table(heads, rows, "No alert fires.")


def _attended(row: Alarm) -> str:
    if row.shelved:
        return "shelved"
    if row.maintenance and not row.acknowledged_by:
        return f"in maintenance {row.maintenance}"
    return f"by {row.acknowledged_by}" if row.acknowledged_by else chip("warning", "nobody")


def _answers(row: Alarm, forms: _Forms) -> Iterator[Html]:
    if not row.acknowledged_by:
        yield from forms.of("acknowledge", "Acknowledge", row.name, row.subject)
    more = [*forms.of("note", "Add a note", row.name, row.subject, _field("note", "What is noted", required=""))]
    if not row.shelved:
        hours = tag("input", name="hours", type="number", min="1", max="720", value="8", aria_label="Hours")
        reason = _field("note", "Why it is shelved", required="")
        more += forms.of("shelve", "Shelve for hours", row.name, row.subject, reason, hours)
    if more:
        yield tag("details", tag("summary", "Note, shelve"), *more)


def _shelved(found: Alarms, forms: _Forms, clock: Clock) -> Html:
    rows: list[tuple[str, ...]] = [
        (
            runbook_link(row.name), subject_link(row.subject), clock.moment(row.until), row.actor, row.reason,
            row.place or tag("div", *forms.of("unshelve", "Tell it again", row.name, row.subject)),
        )
        for row in found.shelved
    ]  # fmt: skip
    return table(("Alert", "Where", "Until", "By", "Why", "Answer"), rows, "Nothing is shelved.")


def _done(found: Alarms, clock: Clock) -> Html:
    rows: list[tuple[str, ...]] = [
        (str(row.id), clock.moment(row.at), f"{row.actor} ({row.role})", row.action, row.about, row.note or "-")
        for row in found.done
    ]
    return table(
        ("Entry", "When", "Who", "What", "About", "Note"), rows, "Nobody has done anything about an alert yet."
    )


def _quality(lately: Lately | None, clock: Clock) -> Iterator[Html]:
    if lately is not None:
        of_store = ", or of as long as there are alerts" if clock.now - lately.since < timedelta(days=7) else ""
        since = tag("p", f"Of the newest 7 days{of_store}: since ", clock.moment(lately.since), ".")
        yield section("Alarm quality", since, *quality_tables(lately.quality, clock.now, clock.moment))


def _log_in(person: LoggedIn | None, can_log_in: bool) -> Html:
    if person is not None:
        key = tag("input", type="hidden", name="key", value=person.key)
        out = tag("form", key, tag("button", "Log out"), action="/alarms/log-out", method="post")
        return section(f"Logged in as {person.name}, {person.role}", out)
    if not can_log_in:
        text = "The plant file has no server.people_file: alerts are answered by 'gatewatch alerts ack' and 'shelve'."
        return section("Answer alerts", tag("p", text, class_="muted"))
    token = tag(
        "input", name="token", type="password", placeholder="Your token", aria_label="Your token", required="",
        autocomplete="current-password",
    )  # fmt: skip
    return section("Answer alerts", tag("form", token, tag("button", "Log in"), action="/alarms/log-in", method="post"))
