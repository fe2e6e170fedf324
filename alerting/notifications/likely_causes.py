"""Which alerts follow from a likely cause: by the findings that the cause explains, or the gates that it reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerting.notifications.languages.sentences import Said
from alerting.specs.roster import BY_NAME
from alerting.specs.spec import AlertSpec
from monitor.detection import PERFORMANCE

_AFTER = timedelta(hours=2)
"""How long after the end of a cause an alert on a gate still follows from it: windows contain its parts so long."""
_BEFORE = timedelta(hours=4)
"""How much earlier than a cause an alert that follows from it may seem to begin: neither is known to the minute."""
_FOUND_AFTER = timedelta(hours=2)
"""How much later than an alert its cause may be found for a later cause not to be taken for it."""


@dataclass(frozen=True, slots=True)
class LikelyCause:
    """A cause as alerts cite it: `words` name it, `findings` are the (detector, subject) of those that it explains.

    `said` names it in no language, then what else it may be.
    """

    id: int
    words: str
    findings: frozenset[tuple[str, str]]
    gates: frozenset[str]
    since: datetime
    ended_at: datetime | None
    found_at: datetime
    said: tuple[Said, ...] = ()

    @property
    def subjects(self) -> frozenset[str]:
        """What its findings are about. A step is one thing, whichever of its detectors showed the cause."""
        return frozenset(subject for _, subject in self.findings)

    def explains(self, spec: AlertSpec, subject: str, since: datetime, ended_at: datetime | None) -> bool:
        """Whether an alert of this time follows from the cause."""
        if since < self.since - _BEFORE or (self.ended_at is not None and since > self.ended_at + _AFTER):
            return False
        if ended_at is not None and ended_at < self.since:
            return False
        detector = dict(spec.match).get("detector")
        if (detector, subject) in self.findings or (spec.kind == "step" and subject in self.subjects):
            return True
        # Realised errors are evidence themselves: what they follow from is among the findings of a cause.
        return spec.kind == "gate" and detector != PERFORMANCE and subject in self.gates


def cause_of(
    name: str, subject: str, since: datetime, ended_at: datetime | None, causes: Sequence[LikelyCause]
) -> LikelyCause | None:
    """The newest cause that an alert follows from, of those known when it began, else the first; None without any."""
    spec = BY_NAME.get(name)
    known = [] if spec is None else [cause for cause in causes if cause.explains(spec, subject, since, ended_at)]
    found = [cause for cause in known if cause.found_at <= since + _FOUND_AFTER]
    return max(found, key=lambda cause: cause.id, default=min(known, key=lambda cause: cause.id, default=None))


def cited_words(
    name: str, subject: str, since: datetime, ended_at: datetime | None, causes: Sequence[LikelyCause]
) -> str:
    """The likely cause of an alert in a few words; '' where none is known."""
    cause = cause_of(name, subject, since, ended_at, causes)
    return "" if cause is None else cause.words
