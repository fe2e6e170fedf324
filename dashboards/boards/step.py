"""A step: parts, recommendations, machines, measurements."""

from __future__ import annotations

from dashboards.blocks.board import Board, Row
from dashboards.blocks.events import happened
from dashboards.blocks.marks import Group
from dashboards.rows import steps

_GRAPHS = (
    "Worst machine, as a share of its limit", "Worst feature, as a share of its limit",
    "Worst control chart, as a share of its limit",
)  # fmt: skip
BOARD = Board(
    "gatewatch-step", "Step", "What passes a step, what its gate recommends, and whether it is as it was.",
    ("site", "line", "step"), (Row("Step", steps.panels),),
    (happened(Group.CHANGEOVER, *_GRAPHS), happened(Group.MAINTENANCE, *_GRAPHS)),
)  # fmt: skip
