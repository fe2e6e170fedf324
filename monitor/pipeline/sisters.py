"""Baselines that a machine borrows from a machine of its type, until it has one of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from monitor.instants import from_nanos, to_nanos
from monitor.pipeline.machines import MachineMemory
from monitor.plant.plant import Plant
from monitor.store.commit import BatchWrite
from monitor.store.rows.forgotten import BorrowedBaseline
from monitor.store.rows.readings import StoredReading


def lenders(plant: Plant, machine: str) -> int:
    """How many machines are between this one and the one that learns by itself."""
    like = plant.machines[machine].like
    return 0 if like is None else 1 + lenders(plant, like)


def borrow(
    memory: MachineMemory, lender: MachineMemory, new: Sequence[StoredReading], write: BatchWrite, save_after: int
) -> Iterator[Sequence[StoredReading]]:
    """The new readings of a machine that lacks a baseline in one or two parts: the second begins with what its sister's
    baseline is borrowed for.

    That is the first instant after the sister's was frozen, wherever a page begins; the caller judges each part
    before the next is asked for. `save_after`: after how many rows states are saved.
    """
    for place, row in enumerate(new):
        recipe = row.recipe or memory.joined.recipe
        if (lent := lender.lend(recipe, to_nanos(row.at))) is None:
            continue
        before = [one for one in new[:place] if one.at < row.at]
        if before:
            yield before
        if memory.lacks_baseline():
            until: datetime = max(at for at in (from_nanos(lent[0]), memory.until) if at is not None)
            write.borrowed.append(
                BorrowedBaseline(memory.machine, lender.machine, recipe, until, write.now, lent[1])
            )  # fmt: skip
            memory.borrow(lent[1])
            memory.unsaved += save_after  # what was saved before knows nothing of it
        yield new[len(before) :]
        return
    yield new
