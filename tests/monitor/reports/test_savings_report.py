"""`gatewatch savings`: which months it shows, as text and as values; the job that stores them; the scrape."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from savings_rows import AUDIT, BAD, ESCAPE, GOOD, INSPECTION, MARCH, NOW, PLANT, SCRAP, day, decided, disposed, outcome
from savings_rows import fill as filled

from exporters.metrics.families.savings import series
from exporters.metrics.shared.metric import Bounds, Scrape
from monitor.errors import UsageError
from monitor.jobs.savings import SavingsJob
from monitor.plant.file.load import LoadedPlant
from monitor.plant.plant import Plant
from monitor.reports.savings import as_text, as_values, plant_savings
from monitor.scheduling.job import Run
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import acquire
from monitor.store.database.schema import open_store
from monitor.store.metrics import metrics_snapshot
from monitor.store.report.reading import read_report

ROWS = (
    decided("A", "continue", 1), outcome("A", GOOD, 3), decided("B", "hold", 2), disposed("B", "scrapped", 3),
    decided("C", "scrap", 3, **AUDIT), outcome("C", BAD, 4), decided("D", "hold", 4),
    decided("A", "continue", 2, gate="coat"),
)  # fmt: skip
AVOIDED = 2 * (ESCAPE - INSPECTION - SCRAP)


class At:
    """A clock that stands."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedPlant:
    at = PLANT.store.model_copy(update={"url": f"sqlite:///{tmp_path}/store.db"})
    plant = PLANT.model_copy(update={"store": at})
    store = open_store(at.url)
    filled(store, *ROWS)
    store.close()
    return LoadedPlant(plant, "", "def", tmp_path / "plant.yaml")


@pytest.mark.slow
def test_the_newest_months_with_decisions_are_shown_whatever_the_date(loaded: LoadedPlant) -> None:
    found = plant_savings(loaded, At(NOW + timedelta(days=400)), None)  # type: ignore[arg-type]
    assert [(one.gate, one.month, one.parts) for one in found.gates] == [("shape", MARCH, 4), ("coat", MARCH, 1)]
    assert [one.month for one in found.lines] == [MARCH]


@pytest.mark.slow
def test_a_month_without_a_decision_says_so(loaded: LoadedPlant) -> None:
    found = plant_savings(loaded, At(NOW), "2025-01")  # type: ignore[arg-type]
    assert as_text(found) == "No gate with costs decided in this time.\n"


@pytest.mark.parametrize("month", ["2026", "March", "2026-13", "2026-03-01", "9999-12"])
@pytest.mark.slow
def test_a_month_that_is_none_is_refused(month: str, loaded: LoadedPlant) -> None:
    with pytest.raises(UsageError, match="expected a month such as 2026-11"):
        plant_savings(loaded, At(NOW), month)  # type: ignore[arg-type]


def test_without_costs_there_is_nothing_to_sum_up(loaded: LoadedPlant) -> None:
    gates = {name: gate.model_copy(update={"costs": None}) for name, gate in PLANT.gates.items()}
    loaded = replace(loaded, plant=loaded.plant.model_copy(update={"gates": gates}))
    with pytest.raises(UsageError, match=r"expected gates\.NAME\.costs"):
        plant_savings(loaded, At(NOW), None)  # type: ignore[arg-type]


TEXT = """\
2026-03: as known at 2026-04-20 00:00 UTC; all gates avoided 1,780; preliminary; waiting for an outcome or a \
disposition, and not in the cost avoided: 1
gate   cost avoided   90 % interval  parts  stopped  false scraps  escapes  corrected  worked  waiting
shape         1,780  1,780 to 1,780      4        2             0        0          0       -        1
coat              0          0 to 0      1        0             0        0          0       -        0

line blades: what stopping every failed part after a step would have saved
step     value  failed parts  would have saved  gates stopped
melting     20             2               160        no gate
forging     20             2               160      2 (shape)
coating     90             0                 0       0 (coat)
testing     90             0                 0        no gate
"""


@pytest.mark.slow
def test_the_text_is_a_table_of_gates_and_one_of_steps(loaded: LoadedPlant) -> None:
    assert as_text(plant_savings(loaded, At(NOW), "2026-03")) == TEXT  # type: ignore[arg-type]


def test_the_values_are_json_and_say_the_same(loaded: LoadedPlant) -> None:
    values = json.loads(json.dumps(as_values(plant_savings(loaded, At(NOW), "2026-03"))))  # type: ignore[arg-type]
    gate = values["gates"][0]
    assert (gate["gate"], gate["month"], gate["avoided"], gate["lower"]) == ("shape", "2026-03", AVOIDED, AVOIDED)
    assert gate["false_scraps"] == {
        "known": 0, "open": 0, "inspected": 1, "estimate": 0.0, "lower": 0.0, "upper": 0.0,
    }  # fmt: skip
    assert [stop["saved"] for stop in values["lines"][0]["stops"]] == [160, 160, 0, 0]


def run(store: Store, plant: Plant, now: datetime) -> int:
    lease = acquire(store, "savings", "test", 300)
    assert lease is not None
    return SavingsJob(store, plant, Path()).run(Run(now, now, lease, lambda: None, lambda: False)).rows


@pytest.mark.slow
def test_the_job_stores_what_the_scrape_and_the_report_show(store: Store) -> None:
    filled(store, *ROWS)
    assert run(store, PLANT, day(20)) == 5
    with store.read() as connection:
        snapshot = metrics_snapshot(connection, day(20))
        later = metrics_snapshot(connection, day(40))
    found = {(name, labels[0]): value for name, labels, value in series(Scrape(snapshot, Bounds(PLANT)))}
    assert found["gatewatch_gate_cost_avoided", "shape"] == AVOIDED
    assert found["gatewatch_gate_parts_stopped", "shape"] == 2
    assert found["gatewatch_gate_parts_waiting", "shape"] == 1
    assert list(series(Scrape(later, Bounds(PLANT)))) == [], "a month that is over is no longer this month so far"
    report = read_report(store, PLANT, day(5), day(6))
    assert [(one.gate, one.avoided) for one in report.savings] == [("shape", AVOIDED), ("coat", 0)]
    assert [one.line for one in report.curves] == ["blades"]
    # Of the months before, nothing that is stored is lost.
    with store.write() as connection:
        connection.execute(t.decision.delete())
    run(store, PLANT, day(40))
    assert [one.parts for one in read_report(store, PLANT, day(5), day(6)).savings] == [4, 1]
