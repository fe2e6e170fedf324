"""Causes: what the findings of a plant have in common, by the splits of their rows and the places they are about.

Evidence is taken in the order of the line. A finding's rows are split by time, machine, lot and recipe, and also by
"a part that an earlier cause touched": where that split is as good as any other, the finding follows from that cause.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from detectors.attribution.evidence import FindingKey, MachineEvidence, Measured, PartsEvidence
from detectors.attribution.likeness import Scored, weighed
from detectors.attribution.splits import FEWEST, Factor, Labels, Split, splits

_MOST_OF_IT = 0.85
"""The share of the best score that is enough for a cause that is known: what follows from it need not show in every
part that it touched, and is likelier than another fault."""
_CLEARLY = 3.0
"""Nats by which the best split of spread must be better than that of level."""
_HOUR = 3_600_000_000_000
_MOVED = 5.0
"""Nats of gain from which outcomes, or predictions, count as moved."""


class CauseKind(StrEnum):
    """What a cause is."""

    MACHINE = "machine"
    LOT = "lot"
    RECIPE = "recipe"
    SENSOR = "sensor"
    CAMERA = "camera"
    TEST_RIG = "test_rig"
    MODEL = "model"
    PROCESS = "process"


_WORDS = {
    CauseKind.MACHINE: "machine {subject}", CauseKind.LOT: "material lot {names} at {subject}",
    CauseKind.RECIPE: "recipe {names} at {subject}", CauseKind.SENSOR: "sensor {names} of machine {subject}",
    CauseKind.CAMERA: "the camera at {subject}", CauseKind.TEST_RIG: "the test rig of {subject}",
    CauseKind.MODEL: "the model of gate {subject}", CauseKind.PROCESS: "the process at {subject}",
}  # fmt: skip
_MOST_NAMES = 4


def cause_words(kind: CauseKind, subject: str, names: Sequence[str]) -> str:
    """A cause in a few words: "material lot HT0012 at forging"."""
    return _WORDS[kind].format(subject=subject, names=shown_names(names))


def packed(kind: CauseKind, subject: str, names: Sequence[str]) -> str:
    """What names a cause, as text.

    >>> unpacked(packed(CauseKind.LOT, "forging", ("HT0012",))), unpacked("machine press-2")
    ((<CauseKind.LOT: 'lot'>, 'forging', ['HT0012']), None)
    """
    return json.dumps([kind.value, subject, list(names)])


def unpacked(text: str) -> tuple[CauseKind, str, list[str]] | None:
    """What `packed` took; None for words, as an earlier version kept them."""
    try:
        kind, subject, names = json.loads(text)
        return CauseKind(kind), subject, names
    except (ValueError, TypeError):
        return None


def shown_names(names: Sequence[str]) -> str:
    """The first names, and how many more there are: "HT1, HT2, HT3, HT4 (+2)"."""
    more = f" (+{len(names) - _MOST_NAMES})" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


@dataclass(frozen=True, slots=True)
class Cause:
    """The likely cause of findings.

    `subject`: a machine (of `machine` and `sensor`, and of a `recipe` that ran on one), a step (of `lot`, `recipe`,
    `camera`, `process`), a characteristic (`test_rig`) or a gate (`model`). `names`: its lots, recipes or sensors.
    `serials`: the parts that it touched, of those `looked_at` by its first finding. `since`: UTC nanoseconds of the
    first of them. `certainty`: its share among all explanations of its first finding, by likelihood and price;
    `instead` the next likely, `packed`, '' where there is none.
    """

    kind: CauseKind
    subject: str
    step: str
    names: tuple[str, ...]
    since: int
    findings: tuple[FindingKey, ...]
    serials: frozenset[str] = frozenset()
    looked_at: frozenset[str] = frozenset()
    shift: float = 0.0
    certainty: float = 1.0
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """The plant as an attribution sees it: its steps in the order of the line, and the machines at each."""

    steps: Sequence[str]
    machines: Mapping[str, Sequence[str]]

    def place(self, step: str) -> int:
        """The place of a step in the line; of an unknown one the end."""
        return self.steps.index(step) if step in self.steps else len(self.steps)


def attribute(
    line: Line, parts: Sequence[PartsEvidence], machines: Sequence[MachineEvidence], known: Sequence[Cause] = ()
) -> list[Cause]:
    """The causes of the evidence; `known` are earlier ones, from which a finding may follow by the parts they touched.

    A known cause is in the result, with the findings of now, if evidence follows from it.
    """
    causes = _of_machines(line, machines, [replace(cause, findings=()) for cause in known])
    for looked_at in sorted(map(_looked_at, parts), key=lambda item: _turn(line, item)):
        causes = _with_parts(line, looked_at, causes)
    return [cause for cause in causes if cause.findings]


class _LookedAt(NamedTuple):
    """Evidence with its scores of level and spread, and its splits, the best first."""

    evidence: PartsEvidence
    scored: tuple[Scored, Scored]
    ranked: Sequence[Split]


def _looked_at(evidence: PartsEvidence) -> _LookedAt:
    scored = evidence.scored()
    return _LookedAt(evidence, scored, _ranked(evidence, scored))


def _turn(line: Line, looked_at: _LookedAt) -> tuple[int, int, int, float]:
    """Errors come after what was measured, and outcomes last: what errs with them says more. Else by step, what was
    measured first, the clearest first."""
    evidence, late = looked_at.evidence, (Measured.ERROR, Measured.OUTCOME)
    turn = 1 + late.index(evidence.measured) if evidence.measured in late else 0
    return turn, line.place(evidence.step), list(Measured).index(evidence.measured), -_best(looked_at.ranked)


def _of_machines(line: Line, evidence: Sequence[MachineEvidence], causes: Sequence[Cause]) -> list[Cause]:
    """A broken sensor, with what it does to its machine's score; the machine; or the step if all its machines are off
    at once."""
    found = list(causes)
    for e in (e for e in evidence if e.broken):
        found = _joined(found, Cause(CauseKind.SENSOR, e.machine, e.step, e.sensors, e.at, (e.finding,)))
    broken = {cause.subject: set(cause.names) for cause in found if cause.kind is CauseKind.SENSOR and cause.findings}
    whole = [e for e in evidence if not e.broken]
    together = {
        step for step in line.steps if _at_once([e for e in whole if e.step == step], line.machines.get(step, ()))
    }
    for e in whole:
        if e.sensors and set(e.sensors) <= broken.get(e.machine, set()):
            kind, subject, names = CauseKind.SENSOR, e.machine, e.sensors
        elif e.step in together:
            kind, subject, names = CauseKind.PROCESS, e.step, ()
        else:
            kind, subject, names = CauseKind.MACHINE, e.machine, e.sensors
        found = _joined(found, Cause(kind, subject, e.step, names, e.at, (e.finding,)))
    return found


def _at_once(evidence: Sequence[MachineEvidence], machines: Sequence[str]) -> bool:
    """Whether all machines of a step, more than one, began to be off within an hour."""
    first = {e.machine: min(o.at for o in evidence if o.machine == e.machine) for e in evidence}
    return len(machines) > 1 and set(first) >= set(machines) and max(first.values()) - min(first.values()) <= _HOUR


def _with_parts(line: Line, looked_at: _LookedAt, causes: Sequence[Cause]) -> list[Cause]:
    """The causes with this evidence: of one that is known already, if its parts explain it as well, else of its own."""
    evidence, scored, ranked = looked_at
    followed = _followed(evidence, scored, causes)
    if followed is not None and followed[1] >= _MOST_OF_IT * _best(ranked):
        cause = replace(followed[0], findings=(*followed[0].findings, evidence.finding))
        return [cause if other is followed[0] else other for other in causes]
    return _joined(causes, _cause_of(line, evidence, ranked)) if ranked else list(causes)


def _followed(evidence: PartsEvidence, scored: Sequence[Scored], causes: Sequence[Cause]) -> tuple[Cause, float] | None:
    """The cause whose parts explain the evidence best, and by how much."""
    price = math.log(max(1, sum(bool(cause.serials) for cause in causes)))
    ranked = []
    for cause in causes:
        touched = np.array([serial in cause.serials for serial in evidence.serials], dtype=bool)
        if touched.sum() >= FEWEST:
            ranked.append((cause, max(one.gain(touched) for one in scored) - price))
    return max(ranked, key=lambda item: item[1], default=None)


def _ranked(evidence: PartsEvidence, scored: tuple[Scored, Scored]) -> list[Split]:
    """The splits of level; of spread where its best one is clearly better, for a shift shows in both."""
    labels = [label for label in evidence.labels if _tells(label, evidence)]
    level, spread = (splits(one, evidence.step, labels) for one in scored)
    return spread if _best(spread) > _best(level) + _CLEARLY else level


def _best(ranked: Sequence[Split]) -> float:
    return ranked[0].score if ranked else 0.0


def _tells(label: Labels, evidence: PartsEvidence) -> bool:
    """Whether a label can tell rows apart; what was measured at a step with one machine is also that machine's."""
    own = evidence.measured in (Measured.FEATURE, Measured.IMAGE) and label.step == evidence.step
    if label.factor is Factor.CHANGED_RECIPE or (own and label.factor is Factor.MACHINE):
        return True
    return len(set(label.names) - {""}) > 1


def _cause_of(line: Line, evidence: PartsEvidence, ranked: Sequence[Split]) -> Cause:
    first = ranked[0]
    kind, subject, names = _named(line, evidence, first)
    words = cause_words(kind, subject, names)
    others = (_named(line, evidence, split) for split in ranked[1:])
    instead = next((packed(*other) for other in others if cause_words(*other) != words), "")
    serials = frozenset(serial for serial, touched in zip(evidence.serials, first.rows, strict=True) if touched)
    since = int(evidence.at[first.rows].min())
    return Cause(
        kind,
        subject,
        first.step,
        names,
        since,
        (evidence.finding,),
        serials,
        frozenset(evidence.serials),
        first.shift,
        certainty(ranked),
        instead,
    )


def certainty(ranked: Sequence[Split]) -> float:
    """The share of the first split among all, each by the exponential of its score; what says the same counts once."""
    best: dict[tuple[object, ...], float] = {}
    for split in ranked:
        key = (split.factor, split.step, split.names)
        best[key] = max(split.score, best.get(key, 0.0))
    return 1 / sum(math.exp(score - ranked[0].score) for score in best.values())


def _named(line: Line, evidence: PartsEvidence, split: Split) -> tuple[CauseKind, str, tuple[str, ...]]:
    """What a split of such evidence means: kind, subject and names of the cause."""
    if split.factor is Factor.LOT:
        return CauseKind.LOT, split.step, split.names
    if split.factor is Factor.RECIPE:
        return CauseKind.RECIPE, split.step, split.names
    if split.factor is Factor.CHANGED_RECIPE:
        return CauseKind.RECIPE, _where(evidence, split), split.names
    if evidence.measured is Measured.IMAGE and split.step == evidence.step:
        several = len(line.machines.get(split.step, ())) > 1
        return CauseKind.CAMERA, split.step, split.names if several else ()
    if evidence.measured is Measured.ERROR:
        return _of_error(line, evidence, split)
    if split.factor is Factor.MACHINE:
        return CauseKind.MACHINE, split.names[0], ()
    if evidence.measured is Measured.PREDICTION:
        return CauseKind.MODEL, evidence.gate, ()
    return CauseKind.PROCESS, split.step, ()


def _of_error(line: Line, evidence: PartsEvidence, split: Split) -> tuple[CauseKind, str, tuple[str, ...]]:
    """An error that no input explains is the test rig's if every gate that predicts the outcome errs alike.

    Where no other gate predicts it, it is the rig's if outcomes moved and predictions did not; else it is the model's.
    """
    at_the_end = bool(line.steps) and split.step == line.steps[-1] != evidence.step
    if split.factor is Factor.MACHINE and not at_the_end:
        return CauseKind.MACHINE, split.names[0], ()
    alike = _alike(evidence, split)
    if alike is not None:
        return (CauseKind.TEST_RIG, evidence.subject, split.names) if alike else (CauseKind.MODEL, evidence.gate, ())
    both = (evidence.outcome, evidence.predicted)
    moved = [0.0 if scores is None else weighed(scores, (), 0.0).gain(split.rows) for scores in both]
    if moved[0] > moved[1] + _MOVED:
        return CauseKind.TEST_RIG, evidence.subject, split.names
    return CauseKind.MODEL, evidence.gate, ()


def _alike(evidence: PartsEvidence, split: Split) -> bool | None:
    """Whether half of the other gates or more err alike on the parts of a split; None where too few said something.

    A third of the shift is alike: a gate that knows less of a part errs more at any time.
    """
    others = [scores[split.rows & np.isfinite(scores)] for scores in evidence.others]
    means = [float(scores.mean()) for scores in others if len(scores) >= FEWEST]
    if not means:
        return None
    own = float(evidence.level[split.rows].mean())
    alike = sum(mean * math.copysign(1, own) >= abs(own) / 3 for mean in means)
    return alike * 2 >= len(means)


def _where(evidence: PartsEvidence, split: Split) -> str:
    """The machine on which all rows of a split were made; else the step."""
    for label in evidence.labels:
        if label.factor is Factor.MACHINE and label.step == split.step:
            names = {name for name, touched in zip(label.names, split.rows, strict=True) if touched}
            return names.pop() if len(names) == 1 else split.step
    return split.step


def is_same(kind: str, subject: str, names: Sequence[str], new: Cause) -> bool:
    """Whether a cause is the same thing as a new one: by kind and subject, a lot by its name at any step."""
    if kind != new.kind:
        return False
    return not set(names).isdisjoint(new.names) if kind == CauseKind.LOT else subject == new.subject


def _joined(causes: Sequence[Cause], new: Cause) -> list[Cause]:
    """The causes with another one, which may be known already: by kind and subject, a lot by its name at any step."""
    for position, cause in enumerate(causes):
        if is_same(cause.kind, cause.subject, cause.names, new):
            both = _both(cause, new)
            return [*causes[:position], both, *causes[position + 1 :]]
    return [*causes, new]


def _both(cause: Cause, new: Cause) -> Cause:
    """One cause of two: what is said of it stays that of its first finding now; of the parts that this one looked at,
    those that it touches are not those of earlier any more."""
    if cause.findings:
        names = tuple(dict.fromkeys((*cause.names, *new.names)))
        return replace(
            cause, names=names, findings=(*cause.findings, *new.findings), serials=cause.serials | new.serials
        )
    earlier = cause.serials - new.looked_at
    since = min(cause.since, new.since) if earlier or not new.serials else new.since
    return replace(new, subject=cause.subject, since=since, serials=earlier | new.serials)
