"""A step: parts, recommendations, machines, measurements."""

from __future__ import annotations

from dashboards.blocks.board import Board, Row
from dashboards.rows import steps

BOARD = Board(
    "gatewatch-step", "Step", "What passes a step, what its gate recommends, and whether it is as it was.",
    ("site", "line", "step"), (Row("Step", steps.panels),),
)  # fmt: skip
