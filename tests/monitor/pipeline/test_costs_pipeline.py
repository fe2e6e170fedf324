"""A gate that decides by cost: what it recommends, keeps, sends, and computes again."""

from __future__ import annotations

from pathlib import Path

import pytest
from spine_kit import Cache, Spine, SumModel, after

from monitor.gate_models.rederive import recompute_decisions
from monitor.reports.part.text import as_text
from monitor.reports.passport import passport
from monitor.store.database import tables as t
from monitor.store.database.database import Store

CORRECTIONS = "{grind: {cost: 80, success: 0.95}, polish: {cost: 20, success: 0.5}}"


def made(folder: Path, store: Store, costs: str) -> Spine:
    rework = "rework: {above: 50}"
    return Spine(
        folder, store, {rework: f"{rework}, costs: {{{costs}, confirm_scrap: false, corrections: {CORRECTIONS}}}"}
    )


@pytest.fixture
def line(store: Store, tmp_path: Path) -> Spine:
    return made(tmp_path, store, "scrap: 400, inspection: 60")


# The specification ends at 100, the rework band at 150, and the model is right to within 1.
RECOMMENDED = {
    "inside the specification": (20.0, "continue", "in_spec", ""),
    "within the rework band: the correction that works": (80.0, "correct", "reworkable", "grind"),
    "beyond the rework band": (200.0, "scrap", "out_of_spec", ""),
    "inside by an interval: one in forty is not": (68.9, "hold", "uncertain", ""),
    "with a value missing": (None, "hold", "incomplete_input", ""),
}


@pytest.mark.parametrize(("a", "verdict", "reason", "correction"), RECOMMENDED.values(), ids=RECOMMENDED)
def test_what_costs_least_is_recommended_and_sent(
    a: float | None, verdict: str, reason: str, correction: str, line: Spine
) -> None:
    line.part("A", after(1), a=a)
    line.run(line.pull("parts"), after(60))
    (row,) = line.all(t.decision)
    (sent,) = line.all(t.outbox)
    assert (row.verdict, row.reason) == (verdict, reason)
    if a is None:
        assert row.costs is None
        assert "expected_cost" not in sent.payload
        return
    chosen = next(one for one in row.costs if one["action"] == verdict)
    assert chosen["correction"] == sent.payload["correction"] == correction
    assert sent.payload["expected_cost"] == chosen["cost"]
    assert [one["cost"] for one in row.costs] == sorted(one["cost"] for one in row.costs)
    assert {"continue", "scrap", "hold"} <= {one["action"] for one in row.costs}


def test_the_same_part_goes_on_where_a_failure_is_cheap(store: Store, tmp_path: Path) -> None:
    line = made(tmp_path, store, "escape: 500, scrap: 400, inspection: 60")
    line.part("A", after(1), a=68.9)
    line.run(line.pull("parts"), after(60))
    assert line.all(t.decision, "verdict") == ["continue"]


def test_costs_are_computed_again_and_a_forged_one_is_noticed(line: Spine) -> None:
    for n, (a, *_) in enumerate(RECOMMENDED.values()):
        line.part(f"P{n}", after(n), a=a)
    line.run(line.pull("parts"), after(60))
    assert _mismatches(line) == []
    (first,) = [row for row in line.all(t.decision) if row.serial == "P1"]
    forged = [{**one, "cost": one["cost"] + 1} for one in first.costs]
    with line.store.write() as connection:
        connection.execute(t.decision.update().where(t.decision.c.serial == "P1").values(costs=forged))
    assert _mismatches(line) == ["P1"]


def test_the_passport_names_every_action_with_its_cost(line: Spine) -> None:
    line.part("A", after(1), a=80.0)
    line.run(line.pull("parts"), after(60))
    with line.store.read() as connection:
        found = passport(connection, "A")
    assert found is not None
    said = next(text for text in as_text(found).splitlines() if "  decision " in text)
    assert said.partition("expected costs: ")[2].startswith("grind 10")
    assert [word in said for word in ("hold ", "scrap 400", "polish ", "continue ")] == [True] * 4


def _mismatches(line: Spine) -> list[str]:
    cache = Cache(lambda _name, _digest: SumModel())
    again = recompute_decisions(line.store, lambda _digest: line.plant, cache)  # type: ignore[arg-type]
    return [one.key[0] for one in again if not one.matches]
