"""The stack itself: jobs, sources, deliveries, store, scrapes."""

from __future__ import annotations

from dashboards.blocks.board import Board, Row
from dashboards.rows import delivery, process

BOARD = Board(
    "gatewatch-stack", "Stack", "Jobs, sources, deliveries, store and process of Gatewatch itself.",
    ("site",), (Row("Deliveries, jobs and sources", delivery.panels), Row("Process and store", process.panels)),
)  # fmt: skip
