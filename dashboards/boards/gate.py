"""A gate and its models, a row a gate: recommendations, what they were worth, errors, versions."""

from __future__ import annotations

from dashboards.blocks.board import Board, Row
from dashboards.blocks.events import alerts_of, happened, model_changes
from dashboards.blocks.marks import Group
from dashboards.rows import gates, models

_ERRORS = ("Realised error", "Bias", "Outcomes outside the interval", "Skill over the naive baseline")
BOARD = Board(
    "gatewatch-gate", "Gate and model", "What gates recommend, why they hold, how right they were, and their models.",
    ("site", "line", "step", "gate"),
    (Row("$gate", gates.panels, repeat="gate"), Row("Models and retraining", models.panels)),
    (
        alerts_of("$gate", *_ERRORS, "Share of holds", "Share of scrap"), model_changes(*_ERRORS),
        happened(Group.MODEL, *_ERRORS),
    ),
)  # fmt: skip
