"""What people may do about an alert, by their role: acknowledge it, note something, shelve it, take it off the shelf.

The terms are those of ISA-18.2: to acknowledge is to say that one has seen an alarm and attends to it; to shelve is
to take an alarm away for a limited time, with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from monitor.errors import UsageError


class Role(StrEnum):
    """What a person may do; each role may do what those before it may."""

    OPERATOR = "operator"
    ENGINEER = "engineer"
    ADMIN = "admin"


class Action(StrEnum):
    """What is done about an alert."""

    ACKNOWLEDGE = "acknowledge"
    NOTE = "note"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"


class Via(StrEnum):
    """Where an action was given."""

    CLI = "cli"
    PAGE = "page"
    API = "api"


LONGEST_SHELF = {
    Role.OPERATOR: timedelta(hours=8), Role.ENGINEER: timedelta(days=7), Role.ADMIN: timedelta(days=30),
}  # fmt: skip
"""How long each role may shelve an alert."""
LONGEST_NOTE = 500
LONGEST_ACTOR = 63
_NEEDS_NOTE = {Action.SHELVE: "why it is shelved", Action.NOTE: "what is noted"}


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts, in which role, and from where."""

    name: str
    role: Role
    via: Via


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants done about the alert `name` of `subject`; `until` is the end of a shelf."""

    action: Action
    name: str
    subject: str
    note: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The alert that a wish is about, as it is now.

    `severity` is None where no such alert exists. `acknowledged_by` is '' while nobody did, `silenced_by` where nobody
    silenced it in Alertmanager.
    """

    severity: str | None
    firing: bool
    acknowledged_by: str = ""
    shelved_until: datetime | None = None
    silenced_by: str = ""


class RefusedError(UsageError):
    """A wish that cannot be granted; `conflict` if the state of the alert is why, `forbidden` if the role is."""

    def __init__(self, sentence: str, conflict: bool = False, forbidden: bool = False) -> None:
        super().__init__(sentence)
        self.conflict = conflict
        self.forbidden = forbidden


def check(wish: Wish, person: Person, alert: Standing, now: datetime) -> None:
    """RefusedError, with one sentence, where the person may not have this wish now."""
    what = f"{wish.name} of {wish.subject}"
    if alert.severity is None:
        raise RefusedError(f"no alert {what}; see 'gatewatch alerts list --all' for names and subjects")
    _check_note(wish)
    if wish.action is Action.ACKNOWLEDGE and not alert.firing:
        raise RefusedError(f"{what} does not fire; only an alert that fires can be acknowledged", conflict=True)
    if wish.action is Action.ACKNOWLEDGE and alert.acknowledged_by:
        raise RefusedError(f"{what} was acknowledged by {alert.acknowledged_by} already", conflict=True)
    if wish.action is Action.UNSHELVE and (alert.shelved_until is None or alert.shelved_until <= now):
        elsewhere = f"; {alert.silenced_by} silenced it in Alertmanager, end that there" if alert.silenced_by else ""
        raise RefusedError(f"{what} is not shelved{elsewhere}", conflict=True)
    if wish.action is Action.SHELVE:
        _check_shelf(wish, person, alert, now, what)


def _check_note(wish: Wish) -> None:
    if wish.action in _NEEDS_NOTE and not wish.note.strip():
        raise RefusedError(f"{wish.action}: expected a note that says {_NEEDS_NOTE[wish.action]}")
    if len(wish.note) > LONGEST_NOTE or not wish.note.isprintable():
        raise RefusedError(f"the note: expected one line of at most {LONGEST_NOTE} printable characters")


def _check_shelf(wish: Wish, person: Person, alert: Standing, now: datetime, what: str) -> None:
    longest = LONGEST_SHELF[person.role]
    if person.role is Role.OPERATOR and alert.severity == "critical":
        text = f"{what} is critical; only an engineer or admin may shelve a critical alert"
        raise RefusedError(text, forbidden=True)
    if wish.until is None or not now < wish.until <= now + longest:
        hours = longest / timedelta(hours=1)
        raise RefusedError(f"shelve: expected an end after now and at most {hours:g} h away for role {person.role}")


def parse_actor(name: str) -> str:
    """The name of a person as it goes on record; UsageError if it cannot."""
    if not 0 < len(name) <= LONGEST_ACTOR or not name.isprintable() or name != name.strip():
        raise UsageError(f"name {name[:LONGEST_ACTOR]!r}: expected 1 to {LONGEST_ACTOR} printable characters")
    return name
