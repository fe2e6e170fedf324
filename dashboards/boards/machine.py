"""A machine: state, anomaly score and what makes it, every sensor with its limits, the time left."""

from __future__ import annotations

from dashboards.blocks.board import Board, Row
from dashboards.blocks.events import alerts_of, happened
from dashboards.blocks.marks import Group
from dashboards.rows import machines

_GRAPHS = ("Anomaly score of each machine, as a share of its limit", "$sensor")
BOARD = Board(
    "gatewatch-machine", "Machine", "A machine's state, its anomaly score, and each sensor with its limits.",
    ("site", "line", "step", "machine", "sensor"),
    (Row("State", machines.panels), Row("Sensors and their limits", machines.sensor_panels)),
    (
        alerts_of("$machine", *_GRAPHS), happened(Group.CHANGEOVER, *_GRAPHS, of="$machine"),
        happened(Group.MAINTENANCE, *_GRAPHS, of="$machine"),
    ),
    one="machine",
)  # fmt: skip
