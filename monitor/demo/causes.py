"""The likely causes that alerts cite, against the faults that were injected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from detectors.attribution.causes import CauseKind
from monitor.model import JsonObject
from monitor.simulator.truth import RESONANCE
from monitor.store.watching.causes import StoredCause, words_of

_KINDS: Mapping[str, CauseKind] = {
    "slow_wear": CauseKind.MACHINE, "stuck_sensor": CauseKind.SENSOR, "dead_sensor": CauseKind.SENSOR,
    "camera_change": CauseKind.CAMERA, "step_offset": CauseKind.PROCESS, "lot_shift": CauseKind.LOT,
    "wrong_recipe": CauseKind.RECIPE, "concept_change": CauseKind.TEST_RIG,
}  # fmt: skip
"""What each kind of fault is, in the words of causes."""
_MOST_OTHERS = 0.5
"""The share of lots that are not to blame, or not named, up to which the lots of a cause are right."""


def cited(fault: JsonObject, causes: Sequence[StoredCause]) -> dict[str, object]:
    """The cause that most of the fault's own alerts cite, the first of them if several do: its kind, in words, and
    whether it is the fault."""
    known = {row.id: row for row in causes}
    counted = Counter(row.id for row in causes)
    first = min(known.values(), key=lambda row: (-counted[row.id], row.since, row.id), default=None)
    if first is None:
        return {"expected": _KINDS[fault["kind"]].value, "cited": "", "words": "", "right": False}
    return {
        "expected": _KINDS[fault["kind"]].value, "cited": first.kind, "words": words_of(first),
        "right": is_right(fault, first),
    }  # fmt: skip


def is_right(fault: JsonObject, cause: StoredCause) -> bool:
    """Whether a cause is the fault: the kind, the place and what is named."""
    if cause.kind != _KINDS[fault["kind"]].value:
        return False
    if cause.kind == CauseKind.LOT:
        return _alike(fault["lots"], cause.names)
    if cause.kind == CauseKind.SENSOR:
        return (cause.subject, list(cause.names)) == (fault["subject"], [fault["sensor"]])
    return cause.subject == (RESONANCE if cause.kind == CauseKind.TEST_RIG else fault["subject"])


def _alike(lots: Sequence[str], named: Sequence[str]) -> bool:
    both = set(lots) | set(named)
    return len(set(lots) & set(named)) >= (1 - _MOST_OTHERS) * len(both)
