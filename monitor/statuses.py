"""The words under which the store keeps where a thing stands: an alert, a message, a model version.

Those of a request to retrain are in `monitor.model`, because training and comparison use them too.
"""

from __future__ import annotations

from enum import StrEnum


class OutboxStatus(StrEnum):
    """Where a message to the MES or to people stands; a dead one was given up until a person sends it again."""

    PENDING = "pending"
    SENT = "sent"
    DEAD = "dead"


class AlertStatus(StrEnum):
    """Where an episode of an alert stands."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class AlertCondition(StrEnum):
    """What an alert is about: a value beyond its limit, or a value that is not there."""

    BREACH = "breach"
    ABSENT = "absent"


class Announced(StrEnum):
    """What people were told of an episode of an alert."""

    NOTHING = ""
    FIRED = "fired"
    RESOLVED = "resolved"


class VersionStatus(StrEnum):
    """What a model version is to its gate: ready, compared with the champion, refused, in force, or replaced."""

    READY = "ready"
    CHALLENGER = "challenger"
    REFUSED = "refused"
    IN_FORCE = "in_force"
    RETIRED = "retired"
