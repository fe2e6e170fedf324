"""Which window findings are kept at each evaluation, so that they can be drawn over time."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.model import Finding, Status


def worth_keeping(findings: Iterable[Finding]) -> list[Finding]:
    """Those of a subject as a whole, and of single features those in breach: bounded, and what a person looks for.

    The level of every other feature is on the board, and over time in Prometheus.
    """
    return [f for f in findings if not f.feature or f.status is Status.BREACH]
