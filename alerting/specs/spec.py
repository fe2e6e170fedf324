"""The form of an alert: a metric of the catalogue compared with a limit.

    max by (subject) (metric{match}) > limit, for `pending_for`; it keeps firing until the value is not above `clear`,
    and for `keep_firing` after that. With `absent_after`, a subject without the value raises the alert too.

All alerts have this form, so the embedded evaluator and the generated Prometheus rules are equivalent. All values are
gauges for which higher is worse. Numbers are defaults; a plant file changes them under `alerts.change`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from monitor.detection import WORST_RATIO
from monitor.statuses import AlertCondition

TIMES_ITS_LIMIT = "the worst is {value} times its limit"
NONE, MINUTE, HOUR, DAY = timedelta(0), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Unit(StrEnum):
    """What the value of an alert is, and how it is written; of NONE it only says yes or no."""

    NONE = "none"
    NUMBER = "number"
    SHARE = "share"
    AGE = "age"
    """Seconds, written as hours or what else is fitting."""


@dataclass(frozen=True, slots=True)
class AlertSpec:
    """One alert. `by` is the label that holds its subject, `kind` the kind of thing the subject is.

    If `enabled` is false its limit is not exported, so neither evaluator can raise it. `reads` says its value in words,
    with `{value}`, `{limit}` and `{newest}`, the number of rows that a share is of; '' where it only says yes or no.
    `needs` are the kinds of the sources without which it cannot but fire.
    """

    name: str
    severity: str
    team: str
    metric: str
    match: tuple[tuple[str, str], ...]
    by: str
    kind: str
    limit: float
    clear: float
    pending_for: timedelta
    keep_firing: timedelta
    summary: str
    cause: str
    action: str
    absent_after: timedelta | None = None
    absent: str = ""
    enabled: bool = True
    unit: Unit = Unit.NONE
    reads: str = ""
    needs: tuple[str, ...] = ()

    @property
    def measured(self) -> bool:
        """Whether value and limit mean something to a person."""
        return self.unit is not Unit.NONE

    def summary_for(self, subject: str, condition: str) -> str:
        """The summary or the absence text, with the subject filled in."""
        return (self.absent if condition == AlertCondition.ABSENT else self.summary).format(subject=subject)


def finding(name: str, status: str | None = None, **match: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The value of a finding; with `status`, whether it has that status (two-sided limits, or higher is better)."""
    labels = {"detector": name, **match}
    if status is None:
        return "gatewatch_finding_value", tuple(labels.items())
    return "gatewatch_finding_status", tuple((labels | {"status": status}).items())


def of_machine(name: str, severity: str, team: str, detector: str, method: str, **more: object) -> AlertSpec:
    """An alert on a machine whose finding by this detector and method is a breach."""
    metric, match = finding(detector, "breach", method=method)
    return AlertSpec(
        name=name, severity=severity, team=team, metric=metric, match=match, by="subject", kind="machine", limit=0.5,
        clear=0.5, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def of_drift(name: str, detector: str, summary: str, cause: str, action: str) -> AlertSpec:
    """An alert on a step whose worst drift, as a ratio to its limit, is above 1."""
    metric, match = finding(detector, feature="", method=WORST_RATIO)
    return AlertSpec(
        name=name, severity="warning", team="engineers", metric=metric, match=match, by="subject", kind="step",
        limit=1.0, clear=0.8, pending_for=HOUR, keep_firing=2 * HOUR, summary=summary, cause=cause, action=action,
        unit=Unit.NUMBER, reads=TIMES_ITS_LIMIT,
    )  # fmt: skip


def of_metric(name: str, severity: str, team: str, metric: str, by: str, kind: str, **more: object) -> AlertSpec:
    """An alert on a metric that is 0 while all is well; `by` is the label with the subject."""
    values: dict[str, object] = {"match": (), "limit": 0.5, "clear": 0.5, "pending_for": NONE, "keep_firing": NONE}
    return AlertSpec(
        name=name,
        severity=severity,
        team=team,
        metric=metric,
        by=by,
        kind=kind,
        **(values | more),  # type: ignore[arg-type]
    )
