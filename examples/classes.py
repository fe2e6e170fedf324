"""What came of a gate that predicts classes: verdicts beside what parts were found to be, and its probabilities."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from inference.models.fitting import auroc
from monitor.model import ClassSpec, Verdict
from monitor.store.database import tables as t
from monitor.store.rows.known_outcomes import KnownOutcome, known_outcomes
from monitor.windows.classes import class_errors, known_rates

_EVER = datetime.max.replace(tzinfo=UTC)
_ALL = 1_000_000
ERRORS = ("log_loss", "bias", "missed", "naive_log_loss")


def lines(connection: sa.Connection, gate: str, characteristic: str, spec: ClassSpec) -> Iterator[str]:
    """The lines of one gate."""
    outcomes = known_outcomes(connection, characteristic, _EVER, sys.maxsize, _ALL)
    found = judged(connection, gate, outcomes, spec)
    if found.empty:
        yield "  no part was decided on and found to be of a class"
        return
    yield from verdicts(found, spec)
    yield f"  decided: {decided(found, spec)}"
    yield f"  last two thirds: {decided(found[len(found) // 3 :], spec)}"
    said = found[found["log_loss"].notna()]
    yield f"  probabilities: {probabilities(said)}"
    yield f"  of the last quarter: {probabilities(said[len(said) * 3 // 4 :])}"


def judged(connection: sa.Connection, gate: str, outcomes: list[KnownOutcome], spec: ClassSpec) -> pd.DataFrame:
    """Each decision of a gate on a part that was found to be of a class, by time of decision.

    With the place of its class, verdict and reason; where the gate's model gave probabilities, `failing` (that the part
    is not to continue) and the errors, each beside what the known rates say; else NaN there.
    """
    places = {row.serial: spec.index(row.value) for row in outcomes}
    d = t.decision.c
    asked = sa.select(d.serial, d.verdict, d.reason, d.decided_at, d.probabilities).where(d.gate == gate)
    rows = connection.execute(asked.order_by(d.decided_at, d.arrival)).all()
    rows = [row for row in rows if places.get(row.serial) is not None]
    rates = known_rates(outcomes, [row.decided_at for row in rows], spec)
    of_class = [places[row.serial] for row in rows]
    errors = class_errors([row.probabilities for row in rows], of_class, rates, spec)
    bad = ~np.array(spec.good)
    return pd.DataFrame(
        {
            "serial": [row.serial for row in rows],
            "place": np.array(of_class, dtype=np.intp),
            "verdict": [str(row.verdict) for row in rows],
            "reason": [str(row.reason) for row in rows],
            "failed": bad[np.array(of_class, dtype=np.intp)],
            "failing": [_of(row.probabilities, bad) for row in rows],
            "known_failing": rates[:, bad].sum(axis=1),
            "likeliest": [-1 if row.probabilities is None else int(np.argmax(row.probabilities)) for row in rows],
            **dict(zip(ERRORS, errors.T, strict=True)),
        }
    )


def _of(said: list[float] | None, bad: Any) -> float:
    """The probability of the classes of a part that is not to continue."""
    return float("nan") if said is None else float(np.array(said, dtype=np.float64)[bad].sum())


def verdicts(found: pd.DataFrame, spec: ClassSpec) -> Iterator[str]:
    """For each class how many parts were of it, and what the gate said of these."""
    for place, (name, meaning) in enumerate(zip(spec.names, spec.meanings, strict=True)):
        said = Counter(found["verdict"][found["place"] == place])
        told = ", ".join(f"{verdict} {count}" for verdict, count in said.most_common())
        yield f"  {name} (right: {meaning}), {said.total()} parts" + (f": {told}" if told else "")


def decided(found: pd.DataFrame, spec: ClassSpec) -> str:
    """How many parts were not held, how many of these rightly, and how many should not have been let through."""
    meant = np.array([str(meaning) for meaning in spec.meanings])[found["place"]]
    made = (found["verdict"] != str(Verdict.HOLD)).to_numpy()
    right = made & (found["verdict"].to_numpy() == meant)
    passed = (found["verdict"] == str(Verdict.CONTINUE)).to_numpy()
    let_through = int((passed & found["failed"]).sum())
    return (
        f"{_share(made.sum(), len(found))} of {len(found)} parts, {_share(right.sum(), made.sum())} of these right; "
        f"{let_through} of {int(passed.sum())} that continue should not"
    )


def probabilities(said: pd.DataFrame) -> str:
    """How good the probabilities of a model were, beside the rates known when each part was decided on."""
    if said.empty:
        return "none"
    failed = said["failed"].to_numpy()
    loss, naive = said["log_loss"].mean(), said["naive_log_loss"].mean()
    brier, naive_brier = (float(np.square(said[name] - failed).mean()) for name in ("failing", "known_failing"))
    return (
        f"{len(said)} parts, {int(failed.sum())} not to continue, log loss {loss:.3f} (known rates {naive:.3f}), "
        f"AUROC {auroc(said['failing'].to_numpy(), failed):.3f}, Brier skill {_skill(brier, naive_brier)}, "
        f"likeliest class right {_share((said['likeliest'] == said['place']).sum(), len(said))}, "
        f"class among the likeliest {_share((said['missed'] == 0).sum(), len(said))}"
    )


def _skill(error: float, naive: float) -> str:
    return f"{1 - error / naive:.2f}" if naive > 0 else "none"


def _share(count: int, of: int) -> str:
    return f"{count / of:.1%}" if of else "none"
