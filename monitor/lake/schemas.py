"""The columns of the lake's tables, declared once. A column may be added at the end; none is renamed or retyped.

Every table is partitioned by `site` and `day`, the UTC date of the event, and every row says in which `batch` it came:
of several rows of one part or window, the one of the highest batch says what is known last. Times are microseconds in
UTC. `*_json` columns hold JSON as the store has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pyarrow as pa

from monitor.plant.running import LakeTable

PARTITIONS = ("site", "day")
_TIME = pa.timestamp("us", tz="UTC")
_TEXT, _NUMBER, _COUNT, _SMALL = pa.string(), pa.float64(), pa.int64(), pa.int32()
_FIRST = (("site", _TEXT), ("day", pa.date32()), ("batch", _COUNT))


def _list(**fields: pa.DataType) -> pa.DataType:
    return pa.list_(pa.struct(list(fields.items())))


class LakeSchema(NamedTuple):
    """The columns of a table, and the one whose date is the day."""

    columns: pa.Schema
    at: str


SCHEMAS: Mapping[LakeTable, LakeSchema] = {
    "decisions": LakeSchema(
        pa.schema([
            *_FIRST,
            ("serial", _TEXT), ("step", _TEXT), ("visit", _SMALL), ("revision", _SMALL), ("gate", _TEXT),
            ("arrival", _COUNT), ("at", _TIME), ("decided_at", _TIME), ("verdict", _TEXT), ("reason", _TEXT),
            ("on_hold", _TEXT), ("withheld", _TEXT), ("characteristic", _TEXT), ("predicted", _NUMBER),
            ("lower", _NUMBER), ("upper", _NUMBER), ("distance", _NUMBER), ("distance_limit", _NUMBER),
            ("model", _TEXT), ("version", _TEXT), ("model_digest", _TEXT), ("plant_digest", _TEXT),
            ("inputs_json", _TEXT), ("forecast_json", _TEXT), ("probabilities_json", _TEXT), ("adapted_json", _TEXT),
            ("costs_json", _TEXT), ("signals_json", _TEXT), ("adjustment_json", _TEXT), ("coordinates_json", _TEXT),
        ]),
        "at",
    ),
    "findings": LakeSchema(
        pa.schema([
            *_FIRST,
            ("id", _COUNT), ("arrival", _COUNT), ("detector", _TEXT), ("method", _TEXT), ("subject", _TEXT),
            ("feature", _TEXT), ("step", _TEXT), ("at", _TIME), ("status", _TEXT), ("value", _NUMBER),
            ("limit", _NUMBER), ("causes_json", _TEXT),
        ]),
        "at",
    ),
    "part_passports": LakeSchema(
        pa.schema([
            *_FIRST,
            ("serial", _TEXT), ("first_at", _TIME), ("changed_at", _TIME),
            ("passages", _list(
                step=_TEXT, visit=_SMALL, revision=_SMALL, at=_TIME, machine=_TEXT, recipe=_TEXT, lot=_TEXT,
                arrival=_COUNT,
            )),
            ("decisions", _list(
                step=_TEXT, visit=_SMALL, revision=_SMALL, at=_TIME, gate=_TEXT, verdict=_TEXT, reason=_TEXT,
                predicted=_NUMBER, lower=_NUMBER, upper=_NUMBER, model=_TEXT, version=_TEXT, decided_at=_TIME,
            )),
            ("outcomes", _list(characteristic=_TEXT, at=_TIME, revision=_SMALL, value=_NUMBER)),
            ("dispositions", _list(step=_TEXT, at=_TIME, revision=_SMALL, disposition=_TEXT)),
        ]),
        "changed_at",
    ),
    "machine_windows": LakeSchema(
        pa.schema([
            *_FIRST,
            ("machine", _TEXT), ("sensor", _TEXT), ("start", _TIME), ("rows", _COUNT), ("missing", _COUNT),
            ("minimum", _NUMBER), ("maximum", _NUMBER), ("total", _NUMBER), ("square_total", _NUMBER),
        ]),
        "start",
    ),
}  # fmt: skip
