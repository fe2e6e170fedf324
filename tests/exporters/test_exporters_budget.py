"""How many series there are at most: of every metric, of a real scrape, and of labels that anybody can fill."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from exporters_samples import NOW, before, bounds, finding, snapshot
from plant_kit import START, copied
from taught_kit import taught

from alerting.alerts.in_force import KINDS
from alerting.notifications.steady import LONGEST, steady_text
from alerting.specs.roster import ALERTS
from exporters.metrics.catalog import METRICS
from exporters.metrics.collector import StoreCollector
from exporters.metrics.shared.budget import ALERTS_OF, DEMO, NAMES_KEPT, SIZES, SLICES, Count
from exporters.metrics.shared.metric import Bounds, Metric
from exporters.metrics.shared.snapshot import AlertRow, BoardRow, MetricsSnapshot, UnknownNameRow
from monitor.clock import SimulatedClock
from monitor.jobs.performance import MAX_SLICES
from monitor.plant.file.load import load
from monitor.runtime.app import bounds_of, make_app
from monitor.statuses import AlertStatus
from monitor.store.database import tables as t
from monitor.store.metrics import metrics_snapshot
from monitor.store.rows.intake_counts import MOST_NAMES

_LONG = json.dumps([["sensor", {"sensor": letter * 70}, {}] for letter in "abcdef"])
each_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)


def sizes_of(bounds: Bounds, features: int) -> dict[str, int]:
    """What a plant has of each size."""
    found = bounds.plant
    watched = [machine for machine in found.machines.values() if machine.sensors]
    return {
        "machines": len(watched), "sensors": max((len(machine.sensors) for machine in watched), default=0),
        "steps": len(found.steps), "features": features, "rules": len(found.spc.asked()),
        "gates": len(found.gates), "characteristics": len(found.characteristics), "sources": len(found.sources),
        "jobs": len(bounds.jobs),
    }  # fmt: skip


def series(snapshot: MetricsSnapshot, bounds: Bounds) -> Counter[str]:
    """How many samples each family has."""
    return Counter({f.name: len(f.samples) for f in StoreCollector(snapshot, bounds).collect()})


def beyond(found: Mapping[str, int], sizes: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """The families with more series than they may have: how many, and how many they may."""
    most = {metric.family: metric.budget.at(sizes) for metric in METRICS}
    return {name: (n, most[name]) for name, n in found.items() if n > most[name]}


@each_metric
def test_a_metric_has_a_budget_or_labels_that_have(metric: Metric) -> None:
    if metric.most is None:
        assert [label.name for label in metric.labels if not label.closed and label.most is None] == []
    assert metric.budget.at(dict.fromkeys(SIZES, 1)) > 0


def test_the_alerts_by_what_they_are_about_are_those_of_the_program() -> None:
    assert dict(Counter(spec.kind for spec in ALERTS)) == {kind: n for kind, n in ALERTS_OF.items() if n}
    assert set(ALERTS_OF) == set(KINDS)


SMALL = sizes_of(bounds(), 8) | {"jobs": 3}
"""A job of the sample ran under an earlier plant file."""


def test_a_small_scrape_is_within_the_budget() -> None:
    assert beyond(series(snapshot(), bounds()), SMALL) == {}


@pytest.mark.process
def test_a_scrape_of_the_demo_plant_is_within_the_budget(tmp_path: Path) -> None:
    """After an hour with models in force; nothing expires, so that all findings count."""
    plant = copied(taught(), tmp_path / "plant")
    app = make_app(load(plant), SimulatedClock(START + timedelta(hours=1)), simulated=True)
    try:
        bounds = bounds_of(app.plant, app.jobs)
        with app.store.read() as connection:
            seen = metrics_snapshot(connection, app.clock.now())
            rows = connection.execute(sa.select(t.part_step.c.step, t.part_step.c["values"])).all()
    finally:
        app.close()
    names: dict[str, set[str]] = {}
    for step, values in rows:
        names.setdefault(step, set()).update(values)
    sizes = sizes_of(bounds, max(map(len, names.values())) + 1)  # with the predictions
    found = series(seen, bounds)
    assert found.total() > 1500
    assert beyond(found, sizes) == {}
    assert sizes == DEMO, "the page says so of the demo"


def test_the_counts_are_written_and_computed() -> None:
    machines, sensors = Count.of("machines"), Count.of("sensors")
    most = sensors * machines * 2 + machines + 3
    assert str(most) == "2 machines x sensors + machines + 3"
    assert most.at({"machines": 4, "sensors": 5}) == 47
    assert (str(Count.of(1)), str(Count(())), str(machines * 0)) == ("1", "0", "0")


def test_ten_thousand_unknown_names_are_a_few_series() -> None:
    names = tuple(UnknownNameRow("mes", "machine", f"X{n}", 1) for n in range(10_000))
    found = series(snapshot(unknown_names=names), bounds())
    assert found["gatewatch_source_unknown_name_rows"] == 21
    assert beyond(found, SMALL) == {}


def test_ten_thousand_recipes_are_the_slices_judged_last() -> None:
    def judged(n: int, minutes: float) -> BoardRow:
        row = finding(detector="performance", method="mae", subject="shape", feature=f"F1/R{n}", causes=())
        return row._replace(at=before(minutes=minutes), step="forging")

    charted = finding(
        detector="outcome_chart", method="cusum", subject="shape", feature="outcome", at=before(minutes=9)
    )
    rows = (*(judged(n, 1) for n in range(8)), *(judged(n, 2 + n / 100) for n in range(8, 10_000)), charted)
    found = StoreCollector(snapshot(board=rows), bounds()).samples({"gatewatch_finding_value"})
    features = {labels["feature"] for labels, _ in found["gatewatch_finding_value"]}
    assert features == {"outcome", *(f"F1/R{n}" for n in range(8))}
    assert beyond(series(snapshot(board=rows), bounds()), SMALL) == {}


def test_the_limits_are_those_of_what_is_counted() -> None:
    assert (NAMES_KEPT, SLICES) == (MOST_NAMES, MAX_SLICES)


@pytest.mark.slow
def test_what_an_alert_says_is_one_series_as_long_as_it_fires() -> None:
    def told(n: int) -> AlertRow:
        text = steady_text("MachineOutOfSpec", "breach", "F1", f'[["sensor",{{"sensor":"s{n}"}},{{}}]]')
        return AlertRow("MachineOutOfSpec", "F1", "critical", "s", NOW, None, team="operators", text=text)

    rows = tuple(told(n) for n in range(10_000))
    assert series(snapshot(alerts=rows), bounds())["gatewatch_alert"] == 1
    over = (told(1)._replace(ended_at=NOW, state=AlertStatus.RESOLVED), told(2)._replace(state=AlertStatus.PENDING))
    assert series(snapshot(alerts=over), bounds())["gatewatch_alert"] == 0


@pytest.mark.parametrize(
    ("alert", "condition", "details", "said"),
    [
        ("MachineOutOfSpec", "breach", '[["outside_low",{"sensor":"p"},{"value":[1.5,"bar"],"limit":[2.0,"number"]}]]',
         "F1 p, low limit 2 bar"),
        ("SensorDead", "absent", "", "no readings of machine F1 arrive"),
        ("DataDrift", "breach", '[["sensor",{"sensor":"p1 in lot L9"},{}]]', ""),
        ("SourceStopped", "breach", '[["quoted",{"text":"serial P7 is bad"},{}]]', ""),
        ("NoSuchAlert", "breach", "", ""),
        ("SensorStuck", "breach", _LONG, ""),
    ],
    ids=["a limit with its unit", "absent", "a lot", "free text", "unknown", "long"],
)  # fmt: skip
def test_what_an_alert_says_has_no_changing_numbers_nor_free_text(
    alert: str, condition: str, details: str, said: str
) -> None:
    text = steady_text(alert, condition, "F1", details)
    assert len(text) <= LONGEST
    assert "L9" not in text
    assert "P7" not in text
    assert "1.5" not in text
    if said:
        assert text == said
