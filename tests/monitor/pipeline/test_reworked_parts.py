"""What is measured of a part after people reworked it says nothing of what a gate predicted of it before."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from spine_kit import Cache, Spine, SumModel, after

from monitor.gate_models.rederive import recompute_decisions
from monitor.gate_models.training_set import training_set
from monitor.pipeline.forecasts import known_parts
from monitor.pipeline.judging import InForce
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.models.versions import ModelInForce
from monitor.store.rows.outcomes import decided_outcomes
from monitor.store.rows.readings import last_arrival

SAID = 40.0
"""What the model says of each part, to within 1."""
DISPOSITIONS = """
  dispositions:
    {kind: dispositions, url: "sqlite:///mes.db", table: DISPOSITIONS, serial: SN, step: OP, disposition: DISP,
     at: {column: AT, epoch: s}, available_at: {column: KNOWN, epoch: s}, every: 15m}
write_back:
"""


@pytest.fixture
def line(store: Store, tmp_path: Path) -> Spine:
    spine = Spine(tmp_path, store, {"\nwrite_back:\n": DISPOSITIONS})
    spine.sql("CREATE TABLE DISPOSITIONS (SN TEXT, OP TEXT, DISP TEXT, AT INTEGER, KNOWN INTEGER)")
    return spine


def pulled(line: Spine, at: float) -> None:
    for source in ("parts", "dispositions", "outcomes"):
        line.run(line.pull(source), after(at))


def counted(line: Spine, at: float) -> dict[str, list[tuple[str, float]]]:
    """The parts with their outcomes that count for what is known, for performance and for training."""
    gate, used = line.plant.gates["form"], ModelInForce("form", "w", "1", "sum", after(0), 1, 1)
    with line.store.read() as connection:
        known = known_parts(connection, gate, after(at), last_arrival(connection))
        decided, _ = decided_outcomes(connection, "form", "form", "width", used, after(at), 99)
        taught = training_set(connection, gate, line.plant.max_ages(), after(at))
    return {
        "known": sorted((row.serial, row.value) for row in known.outcomes),
        "judged": sorted((row.serial, row.value) for row in decided),
        "taught": sorted(zip(taught.serials, taught.target.tolist(), strict=True)),
    }


# The part passes at 10 and is measured as 41 at 50.
WHAT_HAPPENED: dict[str, tuple[list[tuple[str, float]], list[float], list[float]]] = {
    "nothing": ([], [], [41.0]),
    "reworked before it was measured": ([("reworked", 20)], [], []),
    "measured, reworked, measured again": ([("reworked", 60)], [], [41.0]),
    "reworked because of the measurement": ([("reworked", 50)], [], [41.0]),
    "used as it was": ([("used", 20)], [], [41.0]),
    "reworked before it passed the gate": ([("reworked", 5)], [], [41.0]),
    "reworked, and back through the gate": ([("reworked", 20)], [30], [41.0]),
    "reworked again after that": ([("reworked", 20), ("reworked", 40)], [30], []),
}


@pytest.mark.parametrize(("people", "visits", "expected"), WHAT_HAPPENED.values(), ids=WHAT_HAPPENED)
def test_which_outcomes_count(
    people: list[tuple[str, float]], visits: list[float], expected: list[float], line: Spine
) -> None:
    for visit, at in enumerate([10.0, *visits], start=1):
        line.part("P", after(at), visit=visit)
    for what, at in people:
        line.rows("DISPOSITIONS", ("P", "form", what, after(at), after(at)))
    line.rows("OUTCOMES", ("P", 41.0, after(50)))
    if max([at for _, at in people], default=0) > 50:
        line.rows("OUTCOMES", ("P", 30.0, after(70)))
    pulled(line, 90)
    assert counted(line, 90) == {key: [("P", v) for v in expected] for key in ("known", "judged", "taught")}


def test_a_gate_is_not_blamed_for_parts_that_were_corrected_on_its_word(line: Spine) -> None:
    """Corrected parts come out far from what was predicted, so that the intervals would widen."""
    line.used = InForce(SumModel(), None, "w", "1", "sum")
    names = [f"P{n:04d}" for n in range(40)]
    line.parts(dict.fromkeys(names, after(1)))
    line.rows("DISPOSITIONS", *((name, "form", "reworked", after(5), after(5)) for name in names[:20]))
    line.rows("OUTCOMES", *((name, SAID - 20, after(10)) for name in names[:20]))
    line.rows("OUTCOMES", *((name, SAID, after(10)) for name in names[20:]))
    pulled(line, 10)
    line.part("NEXT", after(11))
    pulled(line, 12)
    d = t.decision.c
    with line.store.read() as connection:
        (row,) = connection.execute(t.decision.select().where(d.serial == "NEXT")).all()
    assert row.adapted["outcomes"] == 20
    assert row.adapted["scale"] < 1
    cache = Cache(lambda _name, _digest: SumModel())
    again = list(recompute_decisions(line.store, lambda _: line.plant, cache))
    assert len(again) == 41
    assert all(one.matches for one in again)


def later(rng: np.random.Generator, at: float) -> datetime:
    """Of a row that arrives now, up to four minutes ago."""
    return after(at + float(rng.integers(-4, 1)))


@pytest.mark.slow
def test_what_is_read_step_by_step_is_what_is_read_at_once(line: Spine) -> None:
    """Late passages and late words of people, of parts that were measured long before."""
    rng, known, gate, left_out = np.random.default_rng(5), None, line.plant.gates["form"], 0
    for at in range(5, 19):
        for serial in dict.fromkeys(f"P{n:02d}" for n in rng.integers(0, 9, 2).tolist()):
            line.part(serial, later(rng, at), known=after(at), visit=at)
        for serial in dict.fromkeys(f"P{n:02d}" for n in rng.integers(0, 9, 2).tolist()):
            line.rows("DISPOSITIONS", (serial, "form", "reworked", later(rng, at), after(at)))
        for serial in dict.fromkeys(f"P{n:02d}" for n in rng.integers(0, 9, 3).tolist()):
            line.rows("OUTCOMES", (serial, 40.0 + at, after(at)))
        pulled(line, at)
        with line.store.read() as connection:
            known, whole = (
                known_parts(connection, gate, after(at), last_arrival(connection), before) for before in (known, None)
            )
        assert known == whole
        left_out += sum(outcome.value < 40.0 + at for outcome in known.outcomes)
    assert left_out > 14
