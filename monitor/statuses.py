"""The statuses of alerts, outbox messages, model versions and rows in quarantine, and what people did.

Those of a request to retrain are in `monitor.model`, because training and comparison use them too.
"""

from __future__ import annotations

from enum import StrEnum


class OutboxStatus(StrEnum):
    """The status of a message to the MES or to people; a dead one is not retried until a person resends it."""

    PENDING = "pending"
    SENT = "sent"
    DEAD = "dead"


class AlertStatus(StrEnum):
    """The status of an alert episode."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class AlertCondition(StrEnum):
    """What an alert fires on: a value beyond its limit, or the absence of a value."""

    BREACH = "breach"
    ABSENT = "absent"


class Announced(StrEnum):
    """The last announcement of an alert episode; WITHHELD: it was over before anybody was to be told of it."""

    NOTHING = ""
    FIRED = "fired"
    RESOLVED = "resolved"
    WITHHELD = "withheld"


class PostRefusal(StrEnum):
    """Why an alert posted to the webhook is refused: its form, condition or time, or an unknown subject."""

    MALFORMED = "malformed"
    CONDITION = "condition"
    TIME = "time"
    SUBJECT = "subject"


class VersionStatus(StrEnum):
    """The status of a model version: ready, being compared with the champion, refused, in force, or replaced."""

    READY = "ready"
    CHALLENGER = "challenger"
    REFUSED = "refused"
    IN_FORCE = "in_force"
    RETIRED = "retired"


class Resolution(StrEnum):
    """How a row left the quarantine: taken in at another try, replaced by an accepted row of its key, or one too many.

    The last is a second entry of one row, which a changed plant file refused for another reason.
    """

    RETRIED = "retried"
    REPLACED = "replaced"
    MERGED = "merged"


class Answer(StrEnum):
    """Whether people did with a part what a gate had recommended."""

    FOLLOWED = "followed"
    OVERRIDDEN = "overridden"


NOT_KEPT = "not_kept"
"""Why a row cannot be tried again: its values, or a column that the plant file names now, were not kept."""
