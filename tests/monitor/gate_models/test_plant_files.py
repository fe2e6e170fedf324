"""What decisions cost under the plant file that they were made with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.gate_models.plant_files import PastCosts
from monitor.store.database.database import Store
from monitor.store.plant_files import record_plant_file

PLANT = """
version: 1
site: north
store: {url: "sqlite:///gatewatch.db"}
steps: {form: {line: blades}}
characteristics: {width: {specs: [{since: "2026-01-01T00:00:00Z", upper: 100}]}}
gates:
  form:
    step: form
    characteristic: width
    model: m
    profile: [a, b, c, d]
    costs: {escape: ESCAPE, scrap: 400, inspection: 60}
sources:
  parts:
    kind: part_steps
    url: sqlite:///mes.db
    table: PARTS
    serial: SN
    step: {column: STEP}
    at: {column: AT, zone: UTC}
    values: {a: A, b: B, c: C, d: D}
"""


CASES = [
    ("old", "form", 1000), ("new", "form", 2000), ("old", "gone", None), ("lost", "form", None), ("bad", "form", None),
]  # fmt: skip


@pytest.mark.parametrize(("digest", "gate", "escape"), CASES)
def test_each_file_has_its_own(digest: str, gate: str, escape: float | None, store: Store, tmp_path: Path) -> None:
    texts = {"old": PLANT.replace("ESCAPE", "1000"), "new": PLANT.replace("ESCAPE", "2000"), "bad": "version: 77"}
    for day, (name, text) in enumerate(texts.items(), 1):
        record_plant_file(store, name, text, datetime(2026, 3, day, tzinfo=UTC))
    found = PastCosts(store, tmp_path)
    for _ in range(2):
        costs = found(digest, gate)
        assert (costs and costs.escape) == escape
