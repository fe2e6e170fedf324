"""Drift: does what the steps measure and the gates predict still look like the reference?"""

from __future__ import annotations

from dashboards.blocks.panels import BASE_URL, Panel, lines, rows_of
from dashboards.blocks.queries import Query, limit, share_of_limit, value
from monitor.detection import DRIFT, IMAGE_DRIFT, MISSING_RATE, PREDICTION, WASSERSTEIN, WORST_RATIO

TITLE = "Drift"
_EITHER = f"=~{DRIFT}|{IMAGE_DRIFT}"
_REPORTS = {"Reports": f"{BASE_URL}/reports/"}


def panels() -> list[Panel]:
    """The panels of the row."""
    return [*_worst(), *_single()]


def _worst() -> list[Panel]:
    """Each step by its worst feature, and the worst features of all."""
    worst = {"method": WORST_RATIO, "subject": "=~$step", "feature": ""}
    drift, image = {"detector": DRIFT, **worst}, {"detector": IMAGE_DRIFT, **worst}
    return [
        lines(
            "Worst feature of each step, as a share of its limit",
            "Distance of the newest parts from the frozen reference. Above the limit: the table beside names the "
            "features; look at the machine or material they come from before anyone retrains.",
            [
                Query(value(("subject",), **drift), "{{subject}}"),
                Query(value(("subject",), **image), "{{subject}} images"),
                Query(limit((), **drift), "limit"),
            ],
            width=12,
        ),
        rows_of(
            "Worst features",
            "Features furthest from the reference, by the named statistic, as a share of their limits. Open the report "
            "of the step for both distributions.",
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


def _single() -> list[Panel]:
    """Predictions and missing values."""
    predicted = {"detector": DRIFT, "subject": "=~$step", "feature": PREDICTION, "method": WASSERSTEIN}
    return [
        lines(
            "Drift of the predictions",
            "Distance of what the gates predict from the reference. It moves while no feature does: look at the model, "
            "not at the process.",
            [
                Query(value(("subject",), **predicted), "{{subject}}"),
                Query(limit(("subject",), **predicted), "limit {{subject}}"),
            ],
            width=12,
        ),
        lines(
            "Missing values, as a share of the limit",
            "The five features with most missing values beyond the reference. Rising: a column or gauge fails at the "
            "source; the gate will hold with incomplete_input.",
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
