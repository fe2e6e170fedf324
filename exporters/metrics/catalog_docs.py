"""The metric catalogue as a page: `python -m exporters.metrics.catalog_docs > docs/reference/metrics.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from exporters.metrics.catalog import METRICS
from exporters.metrics.shared.budget import DEMO, LARGE, SIZES
from exporters.metrics.shared.metric import Metric

_HEAD = """# Metrics

Generated from `exporters/metrics/families/` (`make generate`); do not edit.

All metrics are a view of the store: `once`, a restart and a second process report the same values. Counters start at 0,
for every combination of labels that the plant file allows, before their first event. A finding whose newest sample is
older than a few intervals of its source is left out and counted in `gatewatch_findings_expired`. No label ever contains
a part, a lot or a person.
"""


_BUDGET = """## Number of series

How many series each metric can have, by what the plant file has. They are upper bounds: all alerts firing about
everything at once, every sensor judged by every method. Names that were in an earlier plant file count too, where a
counter had values for them. A test compares the bounds with a scrape. 2 machines x sensors are two series for each
sensor of each machine.
"""


def markdown() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(metric) for metric in METRICS), *_budget()])


def _budget() -> Iterator[str]:
    """How many series there can be."""
    yield _BUDGET
    yield from (f"- {name}: {what}" for name, what in SIZES.items())
    large = ", ".join(f"{n} {name}" for name, n in LARGE.items())
    yield f"\nThe large plant of the table has {large}.\n"
    yield "| metric | labels | series at most | demo | large plant |"
    yield "|---|---|---|---|---|"
    for metric in METRICS:
        most, labels = metric.budget, ", ".join(f"`{name}`" for name in metric.label_names)
        yield f"| `{metric.name}` | {labels} | {most} | {most.at(DEMO):,} | {most.at(LARGE):,} |"
    sums = [sum(metric.budget.at(sizes) for metric in METRICS) for sizes in (DEMO, LARGE)]
    yield f"| together | | | {sums[0]:,} | {sums[1]:,} |\n"


def _section(metric: Metric) -> str:
    unit = f", in {metric.unit}" if metric.unit else ""
    lines = [f"## `{metric.name}`", "", f"{metric.help} ({metric.kind}{unit})", ""]
    for label in metric.labels:
        values = f": {', '.join(f'`{value}`' for value in label.closed)}" if label.closed else ""
        lines.append(f"- `{label.name}`: {label.source}{values}")
    return "\n".join([*lines, ""] if metric.labels else lines)


if __name__ == "__main__":
    sys.stdout.write(markdown())
