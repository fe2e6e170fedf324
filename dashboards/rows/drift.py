"""Drift and control charts of the steps' measurements and the gates' predictions, and capability."""

from __future__ import annotations

from dashboards.blocks.panels import BASE_URL, Panel, lines, shares, value_table
from dashboards.blocks.queries import Query, by, limit, series, share_of_limit, value
from monitor.detection import (
    CHART,
    DRIFT,
    IMAGE_DRIFT,
    MISSING_RATE,
    OUTCOME_CHART,
    PREDICTION,
    WASSERSTEIN,
    WORST_RATIO,
)

_EITHER = f"=~{DRIFT}|{IMAGE_DRIFT}"
_REPORTS = {"Reports": f"{BASE_URL}/reports/"}


def panels() -> list[Panel]:
    """The panels of the row."""
    return [*_worst(), _map(), *_single(), *_charts()]


def _worst() -> list[Panel]:
    """The worst feature of each step, and the worst of all."""
    worst = {"method": WORST_RATIO, "subject": "=~$step", "feature": ""}
    drift, image = {"detector": DRIFT, **worst}, {"detector": IMAGE_DRIFT, **worst}
    return [
        lines(
            "Worst feature of each step, as a share of its limit",
            "Distance of the newest parts from the frozen reference. Above the limit, the table on the right names "
            "the features: check the machine or material they come from before retraining.",
            [
                Query(value(("subject",), **drift), "{{subject}}"),
                Query(value(("subject",), **image), "{{subject}} images"),
                Query(limit((), **drift), "limit"),
            ],
            unit="percentunit",
            width=12,
        ),
        value_table(
            "Worst features",
            "Features furthest from the reference, by statistic, as a share of their limits. The report of the step "
            "shows both distributions.",
            Query(
                "topk(10, "
                + share_of_limit(
                    ("subject", "feature", "method"),
                    detector=_EITHER,
                    subject="=~$step",
                    feature="!=",
                )
                + ")",
                instant=True,
            ),
            {"subject": "step", "feature": "feature", "method": "statistic", "Value": "share of limit"},
            unit="percentunit",
            width=12,
            links=_REPORTS,
        ),
    ]


def _map() -> Panel:
    """Every feature over time."""
    every = share_of_limit(("subject", "feature"), detector=_EITHER, subject="=~$step", feature="!=")
    return shares(
        "Features over time, as shares of their limits",
        "The 25 features with the largest shares in this time: since when each has drifted, and which moved "
        "together. What moved at the same time at several steps has one cause upstream.",
        Query(f"{every} and topk(25, max_over_time(({every})[$__range:15m] @ end()))", "{{subject}} {{feature}}"),
    )


def _single() -> list[Panel]:
    """Predictions and missing values."""
    predicted = {"detector": DRIFT, "subject": "=~$step", "feature": PREDICTION, "method": WASSERSTEIN}
    return [
        lines(
            "Drift of the predictions",
            "Distance of the gates' predictions from the reference. If it rises while no feature drifts, check the "
            "model, not the process.",
            [
                Query(value(("subject",), **predicted), "{{subject}}"),
                Query(limit(("subject",), **predicted), "limit {{subject}}"),
            ],
            width=12,
        ),
        lines(
            "Missing values, as a share of the limit",
            "The five features with the largest rise of missing values over the reference. If it grows, a column or "
            "gauge fails at the source, and the gate will hold with incomplete_input.",
            [
                Query(
                    "topk(5, "
                    + share_of_limit(("subject", "feature"), detector=DRIFT, method=MISSING_RATE, subject="=~$step")
                    + ")",
                    "{{subject}} {{feature}}",
                )
            ],
            unit="percentunit",
            width=12,
        ),
    ]


def _charts() -> list[Panel]:
    """Control charts, and what the outcomes are worth by the specification."""
    worst = {"detector": CHART, "subject": "=~$step", "feature": "", "method": WORST_RATIO}
    outcomes = {"detector": OUTCOME_CHART, "feature": "", "method": WORST_RATIO}
    return [
        lines(
            "Worst control chart, as a share of its limit",
            "Of each step's characteristics and prediction, and of each gate's outcomes and residuals. Above the "
            "limit, the alert says which, at which machine, which way and since when.",
            [
                Query(value(("subject",), **worst), "{{subject}}"),
                Query(value(("subject",), **outcomes), "{{subject}} outcomes"),
                Query(limit((), **worst), "limit"),
            ],
            unit="percentunit",
            width=12,
        ),
        lines(
            "Capability of the outcomes",
            "Ppk of each gate's newest outcomes with the lower end of its 95 % interval. Where the lower end is below "
            "what the customer asks, often 1.33, it is not shown that the process is capable.",
            [
                Query(
                    by(
                        "max",
                        ("gate", "index", "bound"),
                        series("gatewatch_gate_capability_ratio", gate="=~$gate", index="ppk", bound="=~value|low"),
                    ),
                    "{{gate}} {{bound}}",
                )
            ],
            width=12,
        ),
    ]
