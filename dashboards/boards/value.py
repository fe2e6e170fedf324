"""Value and trend: what the gates saved, over months."""

from __future__ import annotations

from dashboards.blocks.board import Board, Row
from dashboards.blocks.events import happened
from dashboards.blocks.marks import Group
from dashboards.rows import value

BOARD = Board(
    "gatewatch-value", "Value and trend", "What the gates saved, and how error, holds and capability go over months.",
    ("site", "line", "gate"), (Row("Value", value.panels), Row("Trend", value.trends)),
    (happened(Group.MODEL, "Realised error", "Share of holds", "Share of recommendations overridden"),),
    since="now-30d",
)  # fmt: skip
