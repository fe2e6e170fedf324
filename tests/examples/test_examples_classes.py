"""The report of a gate of classes, worked out from a store with known contents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from examples import classes
from monitor.model import ClassSpec, Verdict
from monitor.store.database import tables as t
from monitor.store.database.schema import open_store
from monitor.store.rows.known_outcomes import known_outcomes

T0 = datetime(2026, 5, 4, 8, tzinfo=UTC)
GOOD, SCRATCH, CRACK = 0, 4, 7
SPEC = ClassSpec(
    ("good", "scratch", "crack"), (GOOD, SCRATCH, CRACK), (Verdict.CONTINUE, Verdict.CORRECT, Verdict.SCRAP), 0.9
)
SURE = ([0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6])
"""What a model says that knows better than chance; the likeliest class is each time another one."""
Part = tuple[int | None, str, Sequence[float] | None]
"""What a part was found to be, its verdict, and the probabilities of its classes."""


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sa.Connection]:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    with store.write() as connection:
        yield connection
    store.close()


def put(connection: sa.Connection, parts: Sequence[Part], known_after: int = 10) -> None:
    """A part a minute, decided on at once; what it was found to be is known some minutes later."""
    outcome = {"source": "s", "characteristic": "c", "revision": 0, "digest": ""}
    decision = {
        "step": "x", "visit": 1, "revision": 0, "gate": "g", "inputs": {}, "characteristic": "c", "model": "m",
        "version": "1", "model_digest": "", "plant_digest": "", "reason": "r", "on_hold": "",
    }  # fmt: skip
    for i, (value, verdict, probabilities) in enumerate(parts):
        at = T0 + timedelta(minutes=i)
        own = {"serial": f"P{i}", "arrival": i, "at": at}
        said = {"verdict": verdict, "probabilities": probabilities, "decided_at": at}
        connection.execute(sa.insert(t.decision), [decision | own | said])
        if value is not None:
            known = {"value": float(value), "available_at": at + timedelta(minutes=known_after)}
            connection.execute(sa.insert(t.outcome), [outcome | own | known])


def told(connection: sa.Connection) -> list[str]:
    return list(classes.lines(connection, "g", "c", SPEC))


@pytest.mark.slow
def test_verdicts_stand_beside_what_the_parts_were(connection: sa.Connection) -> None:
    parts: list[Part] = [*[(GOOD, "continue", None)] * 5, (GOOD, "hold", None), (GOOD, "scrap", None)]
    parts += [(CRACK, "continue", None), (CRACK, "scrap", None), (CRACK, "correct", None)]
    parts += [(None, "scrap", None), (3, "scrap", None)]
    put(connection, parts)
    good, scratch, crack, decided, *_ = told(connection)
    assert good == "  good (right: continue), 7 parts: continue 5, hold 1, scrap 1"
    assert scratch == "  scratch (right: correct), 0 parts"
    assert crack == "  crack (right: scrap), 3 parts: continue 1, scrap 1, correct 1"
    assert decided == "  decided: 90.0% of 10 parts, 66.7% of these right; 1 of 6 that continue should not"


@pytest.mark.slow
def test_without_a_model_there_are_no_probabilities(connection: sa.Connection) -> None:
    put(connection, [(GOOD, "hold", None), (CRACK, "hold", None)])
    *_, whole, last = told(connection)
    assert (whole, last) == ("  probabilities: none", "  of the last quarter: none")
    assert "decided: 0.0% of 2 parts, none of these right" in told(connection)[3]


@pytest.mark.parametrize("parts", [[], [(None, "hold", None)], [(5, "hold", None)]])
@pytest.mark.slow
def test_a_gate_whose_parts_were_of_no_class_says_so(parts: Sequence[Part], connection: sa.Connection) -> None:
    put(connection, parts)
    assert told(connection) == ["  no part was decided on and found to be of a class"]


@pytest.mark.slow
def test_probabilities_are_judged_beside_the_known_rates(connection: sa.Connection) -> None:
    turns = [(GOOD, 0), (SCRATCH, 1), (CRACK, 2)] * 40
    put(connection, [(value, "hold", SURE[place]) for value, place in turns])
    *_, whole, last = told(connection)
    loss = -np.log([0.9, 0.8, 0.6]).mean()
    assert whole.startswith(f"  probabilities: 120 parts, 80 not to continue, log loss {loss:.3f} (known rates 1.")
    assert "AUROC 1.000" in whole
    assert "likeliest class right 100.0%" in whole
    assert last.startswith("  of the last quarter: 30 parts, 20 not to continue")


@pytest.mark.slow
def test_rates_are_those_known_when_a_part_was_decided_on(connection: sa.Connection) -> None:
    put(connection, [(GOOD, "continue", SURE[0])] * 20 + [(CRACK, "continue", SURE[0])] * 20, known_after=30)
    outcomes = known_outcomes(connection, "c", T0 + timedelta(days=1), 99, 99)
    found = classes.judged(connection, "g", outcomes, SPEC)
    assert found["known_failing"][:30].isna().all(), "nothing was known"
    assert (found["known_failing"][31:] < 0.4).all(), "of the good ones alone"
    assert found["failing"].to_numpy() == pytest.approx(np.full(40, 0.1))
    assert found["log_loss"].to_numpy() == pytest.approx(-np.log([0.9] * 20 + [0.05] * 20))


def test_a_model_that_says_the_rates_has_no_skill() -> None:
    failed = np.array([True, False] * 10)
    frame = pd.DataFrame(
        {
            "place": np.where(failed, 2, 0), "failed": failed, "failing": 0.5, "known_failing": 0.5, "likeliest": 0,
            "log_loss": 0.7, "naive_log_loss": 0.7, "missed": 0.0,
        }
    )  # fmt: skip
    assert "AUROC 0.500, Brier skill 0.00, likeliest class right 50.0%" in classes.probabilities(frame)
    assert "Brier skill 0.75" in classes.probabilities(frame.assign(failing=np.where(failed, 0.75, 0.25)))
