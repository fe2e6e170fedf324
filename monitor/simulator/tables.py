"""The tables of the plant's MES and historian, with the plant's own names, and the table for recommendations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from monitor.simulator.line import POINTS
from monitor.simulator.machines import SENSORS
from monitor.simulator.shifts import Ints

mes = sa.MetaData()
historian = sa.MetaData()

PROFILE_COLUMNS = tuple(f"P{i:02d}" for i in range(1, POINTS + 1))
SENSOR_COLUMNS = tuple(f"V{i}" for i in range(1, len(SENSORS) + 1))

wip_history = sa.Table(
    "WIP_HISTORY", mes,
    sa.Column("SN", sa.Text), sa.Column("OPERATION", sa.Text), sa.Column("PASS_NO", sa.Integer),
    sa.Column("EQUIP", sa.Text), sa.Column("RECIPE_ID", sa.Text), sa.Column("HEAT_LOT", sa.Text),
    sa.Column("T_COMPLETE", sa.DateTime, comment="local time"), sa.Column("T_POSTED", sa.DateTime, comment="UTC"),
    *(sa.Column(name, sa.Double) for name in PROFILE_COLUMNS),
    sa.Column("HARDNESS_HRC", sa.Double), sa.Column("STOCK_UM", sa.Double), sa.Column("RA_TXT", sa.Text),
    sa.Column("WEAR_UM", sa.Double), sa.Column("COAT_UM", sa.Double), sa.Column("CURE_F", sa.Double),
    sa.Column("IMG", sa.LargeBinary), sa.Index("IX_WIP_HISTORY_T_POSTED", "T_POSTED"),
    sa.Index("IX_WIP_HISTORY_T_COMPLETE", "T_COMPLETE"),
)  # fmt: skip
surface_inspection = sa.Table(
    "SURFACE_INSPECTION", mes,
    sa.Column("SN", sa.Text), sa.Column("STATION", sa.Text), sa.Column("HEAT_LOT", sa.Text),
    sa.Column("T_ARRIVED", sa.DateTime, comment="UTC"), sa.Column("T_POSTED", sa.DateTime, comment="UTC"),
    sa.Index("IX_SURFACE_INSPECTION_T_POSTED", "T_POSTED"), sa.Index("IX_SURFACE_INSPECTION_T_ARRIVED", "T_ARRIVED"),
)  # fmt: skip
visual_check = sa.Table(
    "VISUAL_CHECK", mes,
    sa.Column("SN", sa.Text), sa.Column("FINISH", sa.Text), sa.Column("CHECKED_AT", sa.DateTime, comment="UTC"),
    sa.Column("POSTED_AT", sa.DateTime, comment="UTC"), sa.Index("IX_VISUAL_CHECK_POSTED_AT", "POSTED_AT"),
)  # fmt: skip
final_test = sa.Table(
    "FINAL_TEST", mes,
    sa.Column("SN", sa.Text), sa.Column("FREQ_HZ", sa.Double), sa.Column("TESTED_AT", sa.Text, comment="ISO, offset"),
    sa.Column("POSTED_AT", sa.DateTime, comment="UTC"), sa.Index("IX_FINAL_TEST_POSTED_AT", "POSTED_AT"),
)  # fmt: skip
qc_disposition = sa.Table(
    "QC_DISPOSITION", mes,
    sa.Column("SN", sa.Text), sa.Column("OPERATION", sa.Text), sa.Column("DISP", sa.Text),
    sa.Column("DECIDED_AT", sa.DateTime, comment="local time"), sa.Column("POSTED_AT", sa.DateTime, comment="UTC"),
    sa.Index("IX_QC_DISPOSITION_POSTED_AT", "POSTED_AT"),
)  # fmt: skip
gate_advice = sa.Table(
    "GATE_ADVICE", mes,
    sa.Column("SITE", sa.Text, nullable=False), sa.Column("SN", sa.Text, nullable=False),
    sa.Column("OPERATION", sa.Text, nullable=False), sa.Column("PASS_NO", sa.Integer, nullable=False),
    sa.Column("REV", sa.Integer, nullable=False), sa.Column("ADVICE", sa.Text, nullable=False),
    sa.Column("CONFIDENCE", sa.Double), sa.Column("REASON", sa.Text), sa.Column("ON_HOLD", sa.Text),
    sa.Column("MODEL_VERSION", sa.Text), sa.Column("PREDICTED", sa.Double), sa.Column("LOW", sa.Double),
    sa.Column("HIGH", sa.Double), sa.Column("DECIDED_AT", sa.DateTime, comment="local time"),
    sa.Column("CORRECTION", sa.Text), sa.Column("EXPECTED_COST", sa.Double), sa.Column("PROBABILITY", sa.Double),
    sa.Column("AUDIT", sa.Integer),
    sa.UniqueConstraint("SITE", "SN", "OPERATION", "PASS_NO", "REV", name="UQ_GATE_ADVICE"),
)  # fmt: skip
trend_wide = sa.Table(
    "TREND_WIDE", historian,
    sa.Column("EQUIP", sa.Text), sa.Column("RECIPE_ID", sa.Text), sa.Column("TS", sa.BigInteger, comment="ms, UTC"),
    sa.Column("POSTED", sa.BigInteger, comment="ms, UTC"), *(sa.Column(name, sa.Double) for name in SENSOR_COLUMNS),
    sa.Index("IX_TREND_WIDE_POSTED", "POSTED"), sa.Index("IX_TREND_WIDE_TS", "TS"),
)  # fmt: skip
equip_state = sa.Table(
    "EQUIP_STATE", historian,
    sa.Column("EQUIP", sa.Text), sa.Column("STATE", sa.Text), sa.Column("SINCE", sa.Text, comment="ISO, UTC"),
    sa.Column("POSTED", sa.BigInteger, comment="ms, UTC"), sa.Index("IX_EQUIP_STATE_POSTED", "POSTED"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a table in order of posting; `posted` in ms since 1970, `rows` in column order."""

    table: sa.Table
    posted: Ints
    rows: Sequence[tuple[Any, ...]]

    def __len__(self) -> int:
        return len(self.rows)


def sort_by_posting(table: sa.Table, posted: Ints, rows: Sequence[tuple[Any, ...]]) -> Rows:
    """The rows of a table in order of posting (stable)."""
    order = np.argsort(posted, kind="stable")
    return Rows(table, posted[order], [rows[i] for i in order])
