"""What a scrap by cost needs beside the least cost: a second signal, no surge; and parts that are audited."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from spine_kit import Spine, SumModel, after

from inference.policy.audit import is_audited
from monitor.gate_models.rederive import recompute_decisions
from monitor.gate_models.training_child import write_job
from monitor.gate_models.training_set import training_set
from monitor.jobs.prune import PruneJob
from monitor.model import Floats, Prediction
from monitor.pipeline.judging import InForce
from monitor.plant.retention import effective
from monitor.reports.part.text import as_text
from monitor.reports.passport import passport
from monitor.store.database import tables as t
from monitor.store.database.database import Store

COSTS = "costs: {scrap: 400, inspection: 60}"
NO_COSTS = "costs: null"
GOOD, REWORK, BAD = 10.0, 80.0, 200.0
"""First values of a part: the prediction is 30 more; the specification ends at 100, the rework band at 150."""
CONFIRMED = ("scrap", "out_of_spec")
UNCONFIRMED = ("hold", "scrap_unconfirmed")


FORM = "costs: {scrap: 400, inspection: 60, corrections: {grind: {cost: 80}}}"


def made(folder: Path, store: Store, coat: str = f"covariates: [a], {COSTS}", form: str = FORM) -> Spine:
    """A line whose first gate, form, sums four values, and whose second, coat, sums what it is given."""
    changes = {
        "rework: {above: 50}": f"rework: {{above: 50}}, {form}",
        "recommendation: ADVICE": "recommendation: ADVICE, audit: AUDIT",
        "sources:\n  parts:": f"""  coat:
    {{step: coat, characteristic: width, model: c, kind: ensemble, rework: {{above: 50}}, {coat}}}
sources:
  parts:""",
    }
    spine = Spine(folder, store, changes)
    model = SumModel(spine.plant.gates["coat"].inputs(), "c")
    spine.others["coat"] = InForce(model, None, "c", "1", "c")  # type: ignore[arg-type]
    return spine


@pytest.fixture
def line(store: Store, tmp_path: Path) -> Spine:
    return made(tmp_path, store)


def coated(spine: Spine, serial: str, minutes: float, a: float = 230.0, visit: int = 1) -> None:
    spine.rows("PARTS", (serial, "coat", visit, "L", after(minutes), after(minutes), a, 1.0, 1.0, 1.0))


def pull(spine: Spine, minutes: float = 60, batch_rows: int = 1000) -> None:
    spine.run(spine.pull("parts", batch_rows=batch_rows), after(minutes))


def found(spine: Spine) -> dict[tuple[str, str, int], Any]:
    return {(row.gate, row.serial, row.visit): row for row in spine.all(t.decision)}


def said(row: Any) -> tuple[str, str]:
    return row.verdict, row.reason


def again(spine: Spine) -> list[tuple[str, str, int, int]]:
    """Which decisions are not made again."""
    models: dict[str, Any] = {"sum": spine.used.model, **{used.digest: used.model for used in spine.others.values()}}
    registry: Any = SimpleNamespace(load=lambda _name, digest: models[digest], held_out=lambda *_: None)
    return [one.key for one in recompute_decisions(spine.store, lambda _: spine.plant, registry) if not one.matches]


BEFORE = {
    "nothing: it was not there": (None, f"covariates: [a], {COSTS}", UNCONFIRMED),
    "another gate found it good": (GOOD, f"covariates: [a], {COSTS}", UNCONFIRMED),
    "another gate would scrap it": (BAD, f"covariates: [a], {COSTS}", CONFIRMED),
    "another gate would correct it": (REWORK, f"covariates: [a], {COSTS}", CONFIRMED),
    "another gate with a measurement in common": (BAD, f"covariates: [form.a], {COSTS}", UNCONFIRMED),
    "another gate whose prediction it uses": (BAD, f"covariates: [a], predictions: [form], {COSTS}", UNCONFIRMED),
}


@pytest.mark.parametrize("batch_rows", [1, 1000])
@pytest.mark.parametrize(("before", "coat", "expected"), BEFORE.values(), ids=BEFORE)
def test_a_scrap_needs_another_gate_that_agrees(
    before: float | None, coat: str, expected: tuple[str, str], batch_rows: int, store: Store, tmp_path: Path
) -> None:
    line = made(tmp_path, store, coat)
    if before is not None:
        line.part("A", after(1), a=before)
    coated(line, "A", 2)
    pull(line, batch_rows=batch_rows)
    row = found(line)["coat", "A", 1]
    assert said(row) == expected
    assert len(row.costs) == 3, "every action is kept"
    assert (row.on_hold != "") == (expected == UNCONFIRMED)
    if expected == CONFIRMED:
        form = found(line)["form", "A", 1]
        assert row.signals["confirmed_by"] == [
            {"signal": "gate", "gate": "form", "step": "form", "visit": 1, "reason": form.reason,
             "at": form.at.isoformat()}
        ]  # fmt: skip
    assert again(line) == []


def test_a_gate_without_costs_confirms_and_a_forecast_does_not(store: Store, tmp_path: Path) -> None:
    line = made(tmp_path, store, form=NO_COSTS)
    for serial, reason in (("A", None), ("B", "forecast")):
        line.part(serial, after(1), a=BAD)
        pull(line, 2)
        if reason is not None:
            with store.write() as connection:
                connection.execute(t.decision.update().where(t.decision.c.serial == serial).values(reason=reason))
        coated(line, serial, 3)
        pull(line, 4)
    rows = found(line)
    assert said(rows["form", "A", 1]) == CONFIRMED, "today's rule without costs"
    assert said(rows["coat", "A", 1]) == CONFIRMED
    assert said(rows["coat", "B", 1]) == UNCONFIRMED


VISITS = {
    "measured anew, and found the same": ("covariates: [a]", 230.0, CONFIRMED),
    "measured anew, and found good": ("covariates: [a]", 20.0, UNCONFIRMED),
    "measured anew, and could be corrected": ("covariates: [a]", 120.0, UNCONFIRMED),
    "by an earlier measurement, which is the same": ("covariates: [a, form.b]", 230.0, UNCONFIRMED),
    "with a prediction whose measurements are not looked at": (
        "covariates: [a], predictions: [form]",
        230,
        UNCONFIRMED,
    ),
}


@pytest.mark.parametrize("batch_rows", [1, 1000])
@pytest.mark.parametrize(("coat", "first", "expected"), VISITS.values(), ids=VISITS)
def test_an_earlier_visit_confirms_if_it_was_measured_anew(
    coat: str, first: float, expected: tuple[str, str], batch_rows: int, store: Store, tmp_path: Path
) -> None:
    line = made(tmp_path, store, f"{coat}, {COSTS}")
    line.part("A", after(1), a=GOOD)
    coated(line, "A", 2, first)
    coated(line, "A", 3, 260.0, visit=2)
    pull(line, batch_rows=batch_rows)
    row = found(line)["coat", "A", 2]
    assert said(row) == expected
    assert [one["signal"] for one in row.signals["confirmed_by"]] == ["visit"] * (expected == CONFIRMED)
    assert again(line) == []


OUTCOMES: dict[str, tuple[Sequence[tuple[float | str, float]], tuple[str, str]]] = {
    "out of specification": ([(130, 1)], CONFIRMED),
    "within specification": ([(50, 1)], UNCONFIRMED),
    "out of it, and measured again since": ([(130, 1), (50, 1.5)], UNCONFIRMED),
    "of another life of the serial number": ([(130, -60 * 24 * 91)], UNCONFIRMED),
}


@pytest.mark.parametrize(("outcomes", "expected"), OUTCOMES.values(), ids=OUTCOMES)
def test_a_known_outcome_confirms(
    outcomes: Sequence[tuple[float, float]], expected: tuple[str, str], line: Spine
) -> None:
    line.rows("OUTCOMES", *(("A", value, after(at)) for value, at in outcomes), ("B", 130, after(1)))
    line.run(line.pull("outcomes"), after(2))
    coated(line, "A", 3)
    pull(line)
    row = found(line)["coat", "A", 1]
    assert said(row) == expected
    assert [one["value"] for one in row.signals["confirmed_by"]] == ([130] if expected == CONFIRMED else [])
    assert again(line) == []


def test_what_is_committed_meanwhile_does_not_count_and_verify_knows(line: Spine) -> None:
    line.rows("OUTCOMES", ("A", 130, after(1)))
    pulled: list[int] = []

    class Pulling(SumModel):
        def predict(self, rows: Floats) -> Sequence[Prediction]:
            if not pulled:
                pulled.append(line.run(line.pull("outcomes"), after(2)).rows)
            return super().predict(rows)

    model = Pulling(line.plant.gates["coat"].inputs(), "c")
    line.others["coat"] = InForce(model, None, "c", "1", "c")  # type: ignore[arg-type]
    coated(line, "A", 1)
    pull(line, 2)
    row = found(line)["coat", "A", 1]
    assert pulled == [1]
    assert line.all(t.outcome, "arrival")[0] < row.arrival
    assert said(row) == UNCONFIRMED
    coated(line, "A", 3, visit=2)
    pull(line)
    assert {one["signal"] for one in found(line)["coat", "A", 2].signals["confirmed_by"]} == {"outcome", "visit"}
    assert again(line) == []


@pytest.mark.slow
def test_without_confirmation_a_gate_scraps_until_scraps_surge(store: Store, tmp_path: Path) -> None:
    line = made(tmp_path, store, "covariates: [a], costs: {scrap: 400, inspection: 60, confirm_scrap: false}")
    for n in range(4):
        coated(line, f"BAD{n}", n)
    for n in range(39):
        coated(line, f"GOOD{n}", 10 + n, 20.0)
    for n in range(8):
        coated(line, f"NEW{n}", 52 + n)
    pull(line, 100, batch_rows=5)
    reasons = {serial: row.reason for (_, serial, _), row in found(line).items()}
    # Three scraps of three are more than one in ten makes; so are eleven of fifty, but not ten.
    assert [reasons[f"BAD{n}"] for n in range(4)] == ["out_of_spec"] * 3 + ["scrap_surge"]
    assert [reasons[f"NEW{n}"] for n in range(8)] == ["out_of_spec"] * 7 + ["scrap_surge"]
    held = found(line)["coat", "NEW7", 1]
    assert held.signals["newest"] == {"decisions": 50, "scraps": 11, "oldest": after(0).isoformat()}
    assert again(line) == []
    with store.read() as connection:
        text = as_text(passport(connection, "NEW7"))  # type: ignore[arg-type]
    assert "scraps surge, 11 of the newest 50, so a person decides" in text


def _history(line: Spine, seed: int) -> None:
    """Parts through both steps, some twice; most good, with bad ones in runs."""
    rng = random.Random(seed)
    bad = 0.05
    for n in range(60):
        bad = rng.choice([0.05, 0.5]) if n % 12 == 0 else bad
        at, serial, visit = n / 2, f"P{n % 25}", 1 + n // 25
        step = {"a": BAD if rng.random() < bad else GOOD}
        line.part(serial, after(at), after(at + rng.choice([0, 0, 1])), visit=visit, **step)
        coated(line, serial, at + rng.choice([0, 0.5, 4]), 230.0 if rng.random() < bad else 20.0, visit)


def _stands(line: Spine) -> list[Any]:
    """Decisions and recommendations as they stand, without the numbers of rows."""
    rows = [
        (r.gate, r.serial, r.visit, r.verdict, r.reason, r.on_hold,
         {k: v for k, v in (r.signals or {}).items() if k not in ("arrival", "page")})
        for r in line.all(t.decision)
    ]  # fmt: skip
    sent = [(r.payload["serial"], r.payload["step"], r.payload["recommendation"]) for r in line.all(t.outbox)]
    return [sorted(rows, key=repr), sorted(sent)]


@pytest.mark.parametrize("seed", [1])
@pytest.mark.slow
def test_how_rows_are_cut_into_pages_changes_nothing(seed: int, line: Spine) -> None:
    _history(line, seed)
    pull(line)
    whole = _stands(line)
    assert {row[4] for row in whole[0]} >= {"in_spec", "out_of_spec", "scrap_unconfirmed", "scrap_surge"}
    assert again(line) == []
    for batch_rows, times in ((1, [60]), (7, [60]), (1000, [*range(1, 40, 3), 60])):
        with line.store.write() as connection:
            for table in (t.part_step, t.decision, t.outbox, t.cursor):
                connection.execute(table.delete())
        for minutes in times:
            pull(line, minutes, batch_rows)
        assert _stands(line) == whole, batch_rows
        assert again(line) == []


def _forged(**changes: Any) -> Callable[[Any], dict[str, Any]]:
    return lambda row: {"signals": {**row.signals, **changes}}


FORGED: dict[str, Callable[[Any], dict[str, Any]]] = {
    "a hold made a scrap": lambda _: {"verdict": "scrap", "reason": "out_of_spec"},
    "a signal invented": _forged(
        confirmed_by=[{"signal": "gate", "gate": "form", "step": "form", "visit": 1, "reason": "out_of_spec",
                       "at": after(1).isoformat()}]
    ),
    "the newest decisions counted otherwise": _forged(
        newest={"decisions": 1, "scraps": 0, "oldest": None}
    ),
    "an audit added": _forged(audit=True, audit_share=0.5),
    "nothing recorded": lambda _: {"signals": None},
}  # fmt: skip


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_what_was_changed_in_the_store_is_noticed(forge: Callable[[Any], dict[str, Any]], line: Spine) -> None:
    line.part("A", after(1), a=GOOD)
    coated(line, "A", 2)
    pull(line)
    row = found(line)["coat", "A", 1]
    assert said(row) == UNCONFIRMED
    d = t.decision
    with line.store.write() as connection:
        connection.execute(d.update().where(d.c.arrival == row.arrival).values(forge(row)))
    assert again(line) == [("A", "coat", 1, 0)]


def test_decisions_are_made_again_after_what_they_rest_on_was_deleted(line: Spine) -> None:
    line.part("A", after(1), a=BAD)
    for n in range(3):
        coated(line, f"OLD{n}", 2 + n)
    pull(line, 9)
    days = 60 * 24 * 20
    coated(line, "A", days)
    pull(line, days + 1)
    assert said(found(line)["coat", "A", 1]) == ("hold", "scrap_surge")
    kept = line.plant.store.retention.model_copy(update={"decisions": timedelta(days=5), "parts": timedelta(days=5)})
    plant = line.plant.model_copy(update={"store": line.plant.store.model_copy(update={"retention": kept})})
    line.run(PruneJob(line.store, effective(plant), timedelta(hours=1)), after(days + 2))
    assert line.all(t.decision, "serial") == ["A"]
    assert again(line) == []
    with line.store.write() as connection:
        connection.execute(sa.update(t.decision).values(reason="scrap_unconfirmed"))
    assert again(line) == [("A", "coat", 1, 0)]


def test_a_share_of_parts_is_audited_and_the_mes_is_told(store: Store, tmp_path: Path) -> None:
    audit = "confirm_scrap: false, surge: 1, audit: {scrap: 0.5, continue: 0.25}"
    line = made(tmp_path, store, f"covariates: [a], costs: {{scrap: 400, inspection: 60, {audit}}}")
    for n in range(40):
        coated(line, f"P{n}", n, 230.0 if n % 2 else 20.0)
    pull(line)
    sent = {row.payload["serial"]: row.payload["audit"] for row in line.all(t.outbox)}
    rows = {serial: row for (_, serial, _), row in found(line).items()}
    shares = {"scrap": 0.5, "continue": 0.25}
    for serial, row in rows.items():
        chosen = is_audited("coat", serial, shares[row.verdict])
        assert sent[serial] == int(chosen)
        assert bool((row.signals or {}).get("audit")) == chosen
    audited = [row for serial, row in rows.items() if sent[serial]]
    assert {row.verdict for row in audited} == {"scrap", "continue"}
    assert {row.signals["audit_share"] for row in audited} == {0.5, 0.25}
    assert again(line) == []
    with store.read() as connection:
        text = as_text(passport(connection, audited[0].serial))  # type: ignore[arg-type]
    assert "to be inspected all the same (audit)" in text


def test_the_passport_says_what_confirmed_a_scrap_or_that_nothing_did(line: Spine) -> None:
    line.part("A", after(1), a=BAD)
    coated(line, "A", 2)
    pull(line)
    with line.store.read() as connection:
        text = as_text(passport(connection, "A"))  # type: ignore[arg-type]
    said = {line.split("gate ")[1].split(" at")[0]: line for line in text.splitlines() if "  decision " in line}
    assert said["coat"].endswith("; confirmed by gate form at form, visit 1 (scrap_unconfirmed)")
    assert said["form"].endswith("; no second signal agrees that it is a scrap, so a person decides")


def test_held_scraps_count_for_the_alert(line: Spine) -> None:
    for n in range(30):
        coated(line, f"P{n}", n)
    pull(line)
    assert {row.reason for row in line.all(t.decision)} == {"scrap_unconfirmed"}
    assert ("ScrapSurge", "coat") in line.alerts(after(61), gates=True)


def test_an_audited_scrap_stands_for_those_that_were_not_audited(store: Store, tmp_path: Path) -> None:
    audit = "confirm_scrap: false, surge: 1, audit: {scrap: 0.25, continue: 0.5}"
    line = made(tmp_path, store, f"covariates: [a], costs: {{scrap: 400, inspection: 60, {audit}}}")
    for n in range(40):
        coated(line, f"P{n}", n, 230.0 if n % 2 else 20.0)
    pull(line)
    line.rows("OUTCOMES", *((f"P{n}", 230 if n % 2 else 20, after(60)) for n in range(40)))
    line.run(line.pull("outcomes"), after(61))
    config = line.plant.gates["coat"]
    with store.read() as connection:
        data = training_set(connection, config, line.plant.max_ages(), after(62))
    weights = dict(zip(data.serials, data.weights, strict=True))
    scraps = {f"P{n}" for n in range(1, 40, 2)}
    assert weights == {s: 4.0 if s in scraps and is_audited("coat", s, 0.25) else 1.0 for s in weights}
    assert sorted(set(weights.values())) == [1.0, 4.0]
    few = data.at([3, 5])
    assert few.weights == (data.weights[3], data.weights[5])
    write_job(tmp_path, config, data)
    with np.load(tmp_path / "data.npz") as arrays:
        assert arrays["weights"].tolist() == list(data.weights)
