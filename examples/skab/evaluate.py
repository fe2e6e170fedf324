"""What the labels say of a run over the water rigs. They are used here only; nothing was chosen by them.

Only a part of the benchmark's runs may be at hand, so no figure here can be compared with a published one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import sqlalchemy as sa
from numpy.typing import NDArray

from monitor.store.database import tables as t

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rig:
    """One run: what was judged, what was flagged and what the labels say, a value a second that was judged."""

    name: str
    flagged: Flags
    faulty: Flags


def labels_of(url: str) -> pd.DataFrame:
    """The laboratory's notes beside the historian's table, with the plant file's name of each rig."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        notes = pd.DataFrame(connection.execute(sa.text("SELECT RIG, T_MS, FAULT FROM LAB_NOTES")).all())
    engine.dispose()
    if notes.empty:
        return pd.DataFrame(columns=["machine", "at", "faulty"])
    machine = "rig-" + notes["RIG"].str[1:]
    return pd.DataFrame({"machine": machine, "at": notes["T_MS"], "faulty": notes["FAULT"] == 1})


def rigs(connection: sa.Connection, labels: pd.DataFrame) -> Iterator[Rig]:
    """Each labelled run over the seconds at which the anomaly score could judge."""
    f = t.finding.c
    for name, notes in labels.groupby("machine"):
        query = sa.select(f.at, f.status).where(f.subject == name, f.detector == "anomaly", f.method == "condition")
        changes = connection.execute(query.order_by(f.id)).all()
        since = np.array([at.timestamp() * 1000 for at, _ in changes])
        status = np.array(["no_data", *(status for _, status in changes)])
        now = status[np.searchsorted(since, notes["at"].to_numpy(), side="right")]
        judged = np.isin(now, ("ok", "breach"))
        yield Rig(str(name), (now == "breach")[judged], notes["faulty"].to_numpy()[judged])


def f1(flagged: Flags, faulty: Flags) -> float:
    """The harmonic mean of precision and recall, 0 where nothing was found."""
    found = int((flagged & faulty).sum())
    return 2 * found / (int(flagged.sum()) + int(faulty.sum())) if found else 0.0


def lines(connection: sa.Connection, labels: pd.DataFrame) -> Iterator[str]:
    """Shares of labelled seconds, and of runs, beside a detector that always alarms."""
    found = [rig for rig in rigs(connection, labels) if len(rig.faulty)]
    if not found:
        yield "labels: no labelled second was judged"
        return
    flagged, faulty = (np.concatenate([getattr(rig, name) for rig in found]) for name in ("flagged", "faulty"))
    yield f"labels: {len(faulty)} seconds of {len(found)} runs judged, {faulty.mean():.0%} of them anomalous"
    yield f"  {_told(flagged, faulty)}; always alarming: {_told(np.ones_like(faulty), faulty)}"
    hit = sum(bool((rig.flagged & rig.faulty).any()) for rig in found)
    false = sum(int((np.diff((rig.flagged & ~rig.faulty).astype(int), prepend=0) == 1).sum()) for rig in found)
    yield f"  {hit} of {sum(bool(rig.faulty.any()) for rig in found)} anomalies noticed, {false} alarms outside of one"
    yield "  a part of the benchmark: not comparable with published scores"


def _told(flagged: Flags, faulty: Flags) -> str:
    recall = float(flagged[faulty].mean()) if faulty.any() else 0.0
    false = float(flagged[~faulty].mean()) if (~faulty).any() else 0.0
    return f"flagged {recall:.0%} of the anomalous and {false:.1%} of the other seconds, F1 {f1(flagged, faulty):.2f}"
