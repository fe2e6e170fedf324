"""What an alert says in one sentence: the measured thing, its value and limit, or what is wrong with the subject."""

from __future__ import annotations

from collections.abc import Sequence

from alerting.notifications.languages.amounts import TEXT_LENGTH
from alerting.notifications.languages.sentences import Said, Sentences
from monitor.statuses import AlertCondition

OUTSIDE = {"low": "outside_low", "high": "outside_high"}
"""What is said of a sensor outside its operating limits, by the limit that it crossed."""
NAMED = "sensor"
"""What names a sensor or feature and says nothing of it."""
_MOST_DETAILS = 8


def headline(words: Sentences, alert: str, condition: str, subject: str, details: Sequence[Said]) -> str:
    """The sentence with its details; '' for an alert that the program does not have.

    >>> from alerting.notifications.languages.sentences import shipped
    >>> hot = Said("outside_high", {"sensor": "temperature"}, {"value": (25.3, "degC"), "limit": (20.0, "number")})
    >>> headline(shipped("en"), "MachineOutOfSpec", "breach", "mill-2", [hot])
    'mill-2 temperature 25.3 degC, high limit 20'
    """
    what = summary(words, alert, condition, subject)
    more = _joined(words, alert, details[:_MOST_DETAILS]) + ", ..." * (len(details) > _MOST_DETAILS)
    if not more or not what:
        return what
    if details[0].key in OUTSIDE.values():
        return words.say("outside", subject=subject, what=more)
    return words.say("detailed", what=what, more=more)


def _joined(words: Sentences, alert: str, details: Sequence[Said]) -> str:
    """The details, of which mere names are one list."""
    text, before = "", ""
    for detail in details:
        said = words.detail(alert, detail)
        separator = "" if not text or not said else ", " if before == detail.key == NAMED else "; "
        text, before = f"{text}{separator}{said}", detail.key
    return text


def summary(words: Sentences, alert: str, condition: str, subject: str) -> str:
    """The sentence without details."""
    key = "absent" if condition == AlertCondition.ABSENT else "summary"
    return words.of_alert(alert, key, subject=subject)[: 2 * TEXT_LENGTH]
