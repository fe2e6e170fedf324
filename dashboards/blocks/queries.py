"""PromQL built from the catalogue: a metric or label that the catalogue lacks is an error, not an empty panel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from exporters.metrics.catalog import BY_NAME

TARGET_LABELS = ("job", "instance")
"""The labels that Prometheus adds to every series it scrapes."""

LABELS = frozenset({*TARGET_LABELS, *(name for metric in BY_NAME.values() for name in metric.label_names)})
"""Every label a query may name."""

_OPERATORS = ("!~", "!=", "=~", "=")


@dataclass(frozen=True, slots=True)
class Query:
    """An expression with the name of its series; `instant` asks for the newest values only, as tables need."""

    expr: str
    legend: str = ""
    instant: bool = False


def series(metric: str, /, **matchers: str) -> str:
    """The selector of a metric at the chosen sites. A matcher starts with its operator, without one it means `=`.

    >>> series("gatewatch_outbox_dead", channel="mes")
    'gatewatch_outbox_dead{instance=~"$instance", channel="mes"}'
    >>> series("gatewatch_outbox_dead", subject="mes")
    Traceback (most recent call last):
    ...
    ValueError: metric gatewatch_outbox_dead has no label 'subject'; it has channel
    """
    declared = BY_NAME.get(metric)
    if declared is None:
        raise ValueError(f"metric {metric!r} is not in the catalogue")
    for label in matchers:
        if label not in declared.label_names:
            raise ValueError(f"metric {metric} has no label {label!r}; it has {', '.join(declared.label_names)}")
    selectors = ["instance" + _matcher("=~$instance"), *(label + _matcher(value) for label, value in matchers.items())]
    return f"{metric}{{{', '.join(selectors)}}}"


_PROCESS = ("process_resident_memory_bytes", "process_cpu_seconds_total")
"""What prometheus-client says of the process, beside the catalogue."""


def of_process(metric: str) -> str:
    """The selector of a metric of the process at the chosen sites."""
    if metric not in _PROCESS:
        raise ValueError(f"metric {metric!r} is none of the process; they are {', '.join(_PROCESS)}")
    return f'{metric}{{instance=~"$instance"}}'


def _matcher(value: str) -> str:
    operator = next((o for o in _OPERATORS if value.startswith(o)), "")
    quoted = value.removeprefix(operator).replace("\\", "\\\\").replace('"', '\\"')
    return f'{operator or "="}"{quoted}"'


def by(function: str, labels: Iterable[str], expr: str) -> str:
    """An aggregation by labels, or over everything if there are none.

    >>> by("max", ("subject",), "x")
    'max by (subject) (x)'
    """
    names = tuple(labels)
    unknown = [label for label in names if label not in LABELS]
    if unknown:
        raise ValueError(f"label {unknown[0]!r} is not in the catalogue")
    return f"{function} by ({', '.join(names)}) ({expr})" if names else f"{function}({expr})"


def hourly(metric: str, labels: Iterable[str], /, **matchers: str) -> str:
    """The increase of a counter in the last hour, summed by labels.

    Always an hour, whatever the zoom, because a backfilled history has a sample every 15 minutes only.
    """
    return by("sum", labels, f"increase({series(metric, **matchers)}[1h])")


def or_zero(expr: str) -> str:
    """The single value of `expr`; without one 0 if the site is scraped, nothing if it is not."""
    return f"({expr}) or 0 * count({series('gatewatch_build_info')})"


def share_of_limit(labels: Iterable[str], /, **matchers: str) -> str:
    """The values of findings as a share of their exported limits."""
    value, limit = series("gatewatch_finding_value", **matchers), series("gatewatch_finding_limit", **matchers)
    return by("max", labels, f"{value} / {limit}")


def value(labels: Iterable[str], /, **matchers: str) -> str:
    """The values of findings."""
    return by("max", labels, series("gatewatch_finding_value", **matchers))


def limit(labels: Iterable[str], /, **matchers: str) -> str:
    """The limits of findings."""
    return by("max", labels, series("gatewatch_finding_limit", **matchers))


def age(metric: str, labels: Iterable[str], /, **matchers: str) -> str:
    """Seconds since the instant in a metric."""
    return f"time() - {by('max', labels, series(metric, **matchers))}"
