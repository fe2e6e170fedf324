"""The models: which is in force, since when, and how often that changed."""

from __future__ import annotations

from dashboards.blocks.panels import Panel, bars, number, value_table
from dashboards.blocks.queries import Query, age, by, hourly, or_zero, series


def panels() -> list[Panel]:
    """The panels of the row."""
    return [
        value_table(
            "Models in force",
            "The model version in force at each gate. 'gatewatch model list' shows the others with their skill; "
            "'gatewatch model rollback' restores the previous one.",
            Query(
                by("max", ("gate", "model", "version", "digest"), series("gatewatch_gate_model_info", gate="=~$gate")),
                instant=True,
            ),
            {"gate": "gate", "model": "model", "version": "version", "digest": "digest", "Value": "in force"},
        ),
        number(
            "Time since the newest change",
            "Time since the model of a chosen gate last changed. If the error has grown since a recent change, roll "
            "the model back.",
            Query(f"min({age('gatewatch_gate_model_since_timestamp_seconds', ('gate',), gate='=~$gate')})", "since"),
            unit="s",
            bad=None,
        ),
        bars(
            "Changes of the model in force",
            "Changes per hour at the chosen gates. More than a few per day mean that a gate is retrained over and "
            "over: check its outcomes before the next retraining.",
            [Query(hourly("gatewatch_gate_model_changes_total", ("gate",), gate="=~$gate"), "{{gate}}")],
            width=12,
        ),
        number(
            "Open retraining requests",
            "Requests to retrain that are waiting or in progress. If one stays open for hours, training hangs or the "
            "daily limit is reached; 'gatewatch model list' shows the result of the last one.",
            Query(or_zero(by("sum", (), series("gatewatch_retraining_open", gate="=~$gate"))), "requests"),
            bad=None,
            width=6,
        ),
        bars(
            "Completed retraining requests per hour",
            "Retraining requests by result and reason. If they are refused again and again, the outcomes do not "
            "support a better model: check the process and the measurement instead.",
            [
                Query(
                    hourly("gatewatch_retraining_requests_total", ("state", "reason"), gate="=~$gate"),
                    "{{state}} {{reason}}",
                )
            ],
            width=18,
        ),
    ]
