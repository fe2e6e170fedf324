"""The metric catalogue as a page: `python -m exporters.metrics.catalog_docs > docs/reference/metrics.md`."""

from __future__ import annotations

import sys

from exporters.metrics.catalog import METRICS
from exporters.metrics.shared.metric import Metric

_HEAD = """# Metrics

Generated from `exporters/metrics/families/` (`make generate`); do not edit.

All metrics are a view of the store: `once`, a restart and a second process report the same values. Counters start at 0,
for every combination of labels that the plant file allows, before their first event. A finding whose newest sample is
older than a few intervals of its source is left out and counted in `gatewatch_findings_expired`. No label ever contains
a part, a lot or a person.
"""


def markdown() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(metric) for metric in METRICS)])


def _section(metric: Metric) -> str:
    unit = f", in {metric.unit}" if metric.unit else ""
    lines = [f"## `{metric.name}`", "", f"{metric.help} ({metric.kind}{unit})", ""]
    for label in metric.labels:
        values = f": {', '.join(f'`{value}`' for value in label.closed)}" if label.closed else ""
        lines.append(f"- `{label.name}`: {label.source}{values}")
    return "\n".join([*lines, ""] if metric.labels else lines)


if __name__ == "__main__":
    sys.stdout.write(markdown())
