"""Plant now: one screen for whoever has to know whether anything is wrong, where, and why."""

from __future__ import annotations

from dashboards.blocks.board import Board, Row
from dashboards.rows import state

BOARD = Board(
    "gatewatch-overview", "Plant now", "Whether anything is wrong now, where, since when, and the likely cause.",
    ("site", "line"),
    (Row("Now", state.now), Row("Alerts and causes", state.alerts), Row("Steps and machines", state.steps)),
)  # fmt: skip
