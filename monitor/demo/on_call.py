"""The people of the demo who are on call: of a critical alert that their team was told of, one says to have seen it."""

from __future__ import annotations

from datetime import datetime, timedelta

from alerting.handling.actions import Action, Person, Role, Via, Wish
from monitor.store.database.database import Store
from monitor.store.watching.handling import handle, unanswered

AFTER = timedelta(minutes=20)
"""How long it takes them."""


def answer(store: Store, now: datetime) -> int:
    """Acknowledge the critical alerts that were told some time ago and that nobody acknowledged; returns how many."""
    with store.read() as connection:
        waiting = unanswered(connection, now - AFTER)
    for alert in waiting:
        person = Person(f"{alert.team}-on-call", Role.OPERATOR, Via.PAGE)
        handle(store, Wish(Action.ACKNOWLEDGE, alert.name, alert.subject, "looking into it"), person, now)
    return len(waiting)
