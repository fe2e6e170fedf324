"""Drift: which features of which steps left their reference, since when, and control charts."""

from __future__ import annotations

from dashboards.blocks.board import Board, Row
from dashboards.blocks.events import alerts_of, happened
from dashboards.blocks.marks import Group
from dashboards.rows import drift

_GRAPHS = ("Worst feature of each step, as a share of its limit", "Drift of the predictions")
BOARD = Board(
    "gatewatch-drift", "Drift", "Which features left their reference since when, control charts, and capability.",
    ("site", "line", "step"), (Row("Drift and control charts", drift.panels),),
    (
        alerts_of("$step", *_GRAPHS), happened(Group.CHANGEOVER, *_GRAPHS), happened(Group.MAINTENANCE, *_GRAPHS),
        happened(Group.MODEL, "Drift of the predictions"),
    ),
    since="now-7d",
)  # fmt: skip
