"""The tables that a backfill writes: their columns, and rows of ours as rows of theirs. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pyarrow as pa

from exporters.metrics.shared.snapshot import BoardRow
from monitor.engine.pieces.raw import reject_row
from monitor.gate_models.training_set import TrainingSet
from monitor.model import Finding, Reject
from monitor.store.commit import SavedState
from monitor.store.rows.decisions import StoredDecision
from monitor.store.rows.readings import MachineWindow
from monitor.store.watching.findings import StoredFinding

Cells = Mapping[str, object]
_TEXT, _NUMBER, _COUNT, _TIME = pa.string(), pa.float64(), pa.int64(), pa.timestamp("us", tz="UTC")
_FINDING = [
    ("detector", _TEXT), ("method", _TEXT), ("subject", _TEXT), ("feature", _TEXT), ("at", _TIME), ("status", _TEXT),
    ("value", _NUMBER), ("limit", _NUMBER), ("causes", pa.list_(_TEXT)), ("step", _TEXT),
]  # fmt: skip
_WINDOW = [
    ("machine", _TEXT), ("sensor", _TEXT), ("start", _TIME), ("rows", _COUNT), ("missing", _COUNT),
    ("minimum", _NUMBER), ("maximum", _NUMBER), ("total", _NUMBER), ("square_total", _NUMBER),
]  # fmt: skip
_REJECT = [("source", _TEXT), ("reason", _TEXT), ("key", _TEXT), ("at", _TIME), ("column", _TEXT)]
_STATE = [("detector", _TEXT), ("subject", _TEXT), ("until", _TIME), ("state", _TEXT)]
_DECISION = [
    ("serial", _TEXT), ("step", _TEXT), ("visit", _COUNT), ("revision", _COUNT), ("gate", _TEXT),
    ("characteristic", _TEXT), ("model", _TEXT), ("version", _TEXT), ("model_digest", _TEXT), ("plant_digest", _TEXT),
    ("predicted", _NUMBER), ("lower", _NUMBER), ("upper", _NUMBER), ("distance", _NUMBER), ("distance_limit", _NUMBER),
    ("verdict", _TEXT), ("reason", _TEXT), ("on_hold", _TEXT), ("decided_at", _TIME), ("at", _TIME),
    ("withheld", _TEXT), ("probabilities", pa.list_(_NUMBER)), ("coordinates", pa.list_(_NUMBER)),
    ("forecast", _TEXT), ("adapted", _TEXT), ("costs", _TEXT), ("signals", _TEXT), ("adjustment", _TEXT),
]  # fmt: skip
_TRAINING = [
    ("gate", _TEXT), ("serial", _TEXT), ("machine", _TEXT), ("recipe", _TEXT), ("lot", _TEXT), ("passed_at", _TIME),
    ("available_at", _TIME), ("target", _NUMBER), ("inputs", pa.list_(_NUMBER)),
]  # fmt: skip
_AS_JSON = ("forecast", "adapted", "costs", "signals", "adjustment")
_WITHOUT_NUMBERS = frozenset({"arrival", "page"})
"""Numbers of rows in a store that was there for the piece alone say nothing to others."""
_COUNTS = [("source", _TEXT), ("outcome", _TEXT), ("rows", _COUNT)]

TABLES: Mapping[str, pa.Schema] = {
    name: pa.schema([("site", _TEXT), *columns])
    for name, columns in {
        "findings": _FINDING, "board": _FINDING, "machine_windows": _WINDOW, "rejects": _REJECT,
        "detector_states": _STATE, "counts": _COUNTS, "decisions": _DECISION,
        "training_parts": _TRAINING,
    }.items()
}  # fmt: skip
"""By name the tables of results: every change of status, the last one of each, aggregated readings, refused rows, what
detectors know at the end, how many readings of each source were accepted, corrections, seen before or too late,
decisions, and of gates of numbers the parts with a known outcome and what they saw, in the order of their inputs."""

T = TypeVar("T")


@dataclass(slots=True)
class Results:
    """What came of one piece, by table; rows without their site."""

    rows: dict[str, list[Cells]] = field(default_factory=dict)

    def add(self, table: str, rows: Iterable[Cells]) -> None:
        """Add rows to a table."""
        self.rows.setdefault(table, []).extend(rows)

    def tables(self, site: str) -> dict[str, pa.Table]:
        """The rows of a site as tables, those with rows only."""
        return {name: as_table(name, site, rows) for name, rows in self.rows.items() if rows}


def as_table(name: str, site: str, rows: Sequence[Cells]) -> pa.Table:
    """Rows of one site as one of `TABLES`."""
    return pa.Table.from_pylist([{"site": site, **row} for row in rows], schema=TABLES[name])


def finding_cells(finding: Finding) -> Cells:
    """A finding as a row."""
    cells = {name: getattr(finding, name) for name, _ in _FINDING}
    return {**cells, "status": finding.status.value, "causes": list(finding.causes)}


def stored_finding_cells(row: StoredFinding | BoardRow) -> Cells:
    """A stored finding as a row."""
    return {**{name: getattr(row, name) for name, _ in _FINDING}, "causes": list(row.causes)}


def decision_cells(decision: StoredDecision) -> Cells:
    """A decision as a row; what is nested is JSON."""
    cells = {name: getattr(decision, name) for name, _ in _DECISION}
    return {**cells, **{name: _as_json(cells[name]) for name in _AS_JSON}}


def _as_json(value: object) -> str | None:
    if value is None:
        return None
    known = {k: v for k, v in value.items() if k not in _WITHOUT_NUMBERS} if isinstance(value, dict) else value
    return json.dumps(known, sort_keys=True, default=str)


def training_cells(gate: str, parts: TrainingSet) -> Iterator[Cells]:
    """The parts of a gate's training set as rows; none of a gate of pictures."""
    if isinstance(parts.rows, np.ndarray):
        columns = (parts.serials, parts.machines, parts.recipes, parts.lots, parts.passed_at, parts.available_at)
        names = "serial", "machine", "recipe", "lot", "passed_at", "available_at", "target", "inputs"
        for row in zip(*columns, parts.target.tolist(), parts.rows.tolist(), strict=True):
            yield {"gate": gate, **dict(zip(names, row, strict=True))}


def window_cells(window: MachineWindow) -> Cells:
    """A machine window as a row."""
    return window._asdict()


def reject_cells(source: str, reject: Reject) -> Cells:
    """A refused row, without its cells: these are in the source's own table."""
    reason, key, at, column = reject_row(reject)
    return {"source": source, "reason": reason, "key": key, "at": at, "column": column}


def state_cells(saved: SavedState) -> Cells:
    """A saved state as a row, with the state as JSON."""
    text = json.dumps(saved.state, separators=(",", ":"))
    return {"detector": saved.detector, "subject": saved.subject, "until": saved.until, "state": text}


def count_cells(source: str, outcome: str, rows: int) -> Cells:
    """How many rows of a source had an outcome."""
    return {"source": source, "outcome": outcome, "rows": rows}
