"""Alarm quality: how many alarms people get, which come again and again, which stand."""

from __future__ import annotations

from dashboards.blocks.board import Board, Row
from dashboards.rows import alarms

BOARD = Board(
    "gatewatch-alarms", "Alarm quality", "Whether people can live with the alarms (ISA-18.2, EEMUA 191).",
    ("site",), (Row("Alarms", alarms.panels),), since="now-7d",
)  # fmt: skip
