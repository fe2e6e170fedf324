"""The models: which is in force, since when, and how often that changed."""

from __future__ import annotations

from dashboards.blocks.panels import Panel, bars, number, rows_of
from dashboards.blocks.queries import Query, age, by, found, hourly, series

TITLE = "Models and retraining"


def panels() -> list[Panel]:
    """The panels of the row."""
    return [
        rows_of(
            "Models in force",
            "The version that decides at each gate. 'gatewatch model list' shows the others with their skill, "
            "'gatewatch model rollback' puts the one before back.",
            Query(
                by("max", ("gate", "model", "version", "digest"), series("gatewatch_gate_model_info", gate="=~$gate")),
                instant=True,
            ),
            {"gate": "gate", "model": "model", "version": "version", "digest": "digest", "Value": "in force"},
        ),
        number(
            "Time since the newest change",
            "How long the newest model of a chosen gate is in force. Just now, and the error grew since: roll it back.",
            Query(f"min({age('gatewatch_gate_model_since_timestamp_seconds', ('gate',), gate='=~$gate')})", "since"),
            unit="s",
            bad=None,
        ),
        bars(
            "Changes of the model in force",
            "Changes an hour, of all chosen gates. More than a few a day: a gate is being retrained over and over; "
            "look at its outcomes before the next one.",
            [Query(hourly("gatewatch_gate_model_changes_total", ("gate",), gate="=~$gate"), "{{gate}}")],
            width=12,
        ),
        number(
            "Retrainings under way",
            "Requests to retrain that wait or are served. One for hours: the training hangs or the daily limit is "
            "reached; 'gatewatch model list' says what came of the last.",
            Query(found(by("sum", (), series("gatewatch_retraining_open", gate="=~$gate"))), "requests"),
            bad=None,
            width=6,
        ),
        bars(
            "Requests to retrain that ended",
            "What became of each request, an hour. refused again and again: the outcomes do not bear out a better "
            "model; look at the process and the measurement instead.",
            [
                Query(
                    hourly("gatewatch_retraining_requests_total", ("state", "reason"), gate="=~$gate"),
                    "{{state}} {{reason}}",
                )
            ],
            width=18,
        ),
    ]
