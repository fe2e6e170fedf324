"""Every alert of the program, in the order of the generated rules and pages."""

from __future__ import annotations

from collections.abc import Mapping

from alerting.specs import gates, machines, models, service, sources
from alerting.specs.spec import AlertSpec
from monitor.model import DRILL, WATCHDOG

ALERTS: tuple[AlertSpec, ...] = (
    *machines.ALERTS,
    *models.ALERTS,
    *gates.ALERTS,
    *sources.ALERTS,
    *service.ALERTS,
)
BY_NAME: Mapping[str, AlertSpec] = {spec.name: spec for spec in ALERTS}

UNJUDGED = frozenset({WATCHDOG, DRILL})
"""They fire to show that alerting works: how often is no matter."""
