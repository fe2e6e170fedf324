"""Drift: which features of which steps left their reference, since when, and control charts."""

from __future__ import annotations

from dashboards.blocks.board import Board, Row
from dashboards.blocks.events import alerts_of
from dashboards.rows import drift

BOARD = Board(
    "gatewatch-drift", "Drift", "Which features left their reference since when, control charts, and capability.",
    ("site", "line", "step"), (Row("Drift and control charts", drift.panels),),
    (alerts_of("$step", "Worst feature of each step, as a share of its limit", "Drift of the predictions"),),
    since="now-7d",
)  # fmt: skip
