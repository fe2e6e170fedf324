"""The rules by which one sensor is judged, sample by sample; `limits.py` applies them to whole batches."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

from detectors.shared.state import require, whole_number
from monitor.detection import DEAD, LIMIT, STUCK
from monitor.model import Status

METHODS = (LIMIT, DEAD, STUCK)


@dataclass(frozen=True, slots=True)
class Rules:
    """How many consecutive samples change a status. All counts >= 1.

    `limit_rows` samples start and end a breach of a limit, and end `dead` and `stuck`; `dead_rows` missing samples
    start `dead`; `stuck_rows` equal samples start `stuck`. `always`: samples are owed by a standing machine too.
    """

    limit_rows: int
    dead_rows: int
    stuck_rows: int
    always: bool = False

    @property
    def study_rows(self) -> int:
        """Judged samples in a study, after which a sensor counts as moving or not."""
        return 10 * self.stuck_rows

    @property
    def moving_share(self) -> float:
        """The share of samples that must differ from the one before for a sensor to count as moving.

        If a share r of samples moves, independently, a healthy sensor shows `stuck_rows` equal samples after a move
        with probability (1 - r) ** (stuck_rows - 1), which is to be at most one in a million. Setpoints, valve
        positions and coarse counters stay below this share and are never stuck.
        """
        return float(1 - 1e-6 ** (1 / max(self.stuck_rows - 1, 1)))


@dataclass(slots=True)
class Track:
    """The state of one sensor: a status for each method, and the counts behind it.

    Counts of consecutive samples: `limit_run`, that contradict the status of `limit`; `missing`, without a value;
    `back` and `fresh`, towards the end of `dead` and `stuck` (0 outside a breach); `same`, equal ones. `seen` and
    `moved`: samples of the current study, and those among them that differ from the one before. `moves`: whether a
    study found the sensor to move. `beyond`: the last judged value outside the limits, until a breach is over.
    """

    limit: Status = Status.NO_DATA
    dead: Status = Status.NO_DATA
    stuck: Status = Status.NO_DATA
    limit_run: int = 0
    missing: int = 0
    back: int = 0
    same: int = 0
    fresh: int = 0
    seen: int = 0
    moved: int = 0
    moves: bool = False
    value: float | None = None
    beyond: float | None = None


def step(track: Track, value: float, judged: bool, low: float, high: float, rules: Rules) -> Iterator[str]:
    """Update the track with one sample (NaN: missing); yields the methods whose status changed.

    `judged`: whether the machine runs or its state is unknown. Values and missing samples count only then; the latter
    also if the rules say that samples are always owed. A value ends a run of missing samples in any state.
    `low` and `high` are infinite where there is no limit.
    """
    before = (track.limit, track.dead, track.stuck)
    if judged or rules.always or not math.isnan(value):
        _dead(track, value, rules)
    if judged and track.missing == 0 and track.dead is Status.OK:
        inside = low <= value <= high
        track.beyond = track.beyond if inside else value
        _limit(track, inside, rules)
        _stuck(track, value, rules)
        track.value = value
    if before != (track.limit, track.dead, track.stuck):
        after = (track.limit, track.dead, track.stuck)
        yield from (method for method, old, new in zip(METHODS, before, after, strict=True) if old is not new)


def _dead(track: Track, value: float, rules: Rules) -> None:
    if math.isnan(value):
        track.missing += 1
        track.back = 0
        if track.dead is not Status.BREACH and track.missing >= rules.dead_rows:
            # Without values neither limits nor stuck can be judged.
            track.dead, track.limit, track.stuck = Status.BREACH, Status.NO_DATA, Status.NO_DATA
            track.limit_run = track.same = track.fresh = 0
            track.value = None
        return
    track.missing = 0
    if track.dead is Status.BREACH:
        track.back += 1
        if track.back < rules.limit_rows:
            return
    track.dead, track.back = Status.OK, 0


def _limit(track: Track, inside: bool, rules: Rules) -> None:
    if inside is (track.limit is Status.OK) and track.limit is not Status.NO_DATA:
        track.limit_run = 0
        return
    track.limit_run += 1
    # A first value inside the limits sets OK at once; any other change takes `limit_rows` samples.
    if track.limit_run >= rules.limit_rows or (inside and track.limit is Status.NO_DATA):
        track.limit = Status.OK if inside else Status.BREACH
        track.limit_run = 0
    if track.limit is Status.OK and track.limit_run == 0:
        track.beyond = None


def _stuck(track: Track, value: float, rules: Rules) -> None:
    equal = value == track.value
    track.same = track.same + 1 if equal else 1
    if not track.moves:
        _study(track, equal, rules)
    if track.stuck is Status.BREACH:
        track.fresh = 0 if equal else track.fresh + 1
        if track.fresh < rules.limit_rows:
            return
    track.fresh = 0
    if not track.moves:
        track.stuck = Status.CANNOT_JUDGE
    else:
        track.stuck = Status.BREACH if track.same >= rules.stuck_rows else Status.OK


def _study(track: Track, equal: bool, rules: Rules) -> None:
    track.seen += 1
    track.moved += not equal
    if track.seen == rules.study_rows:
        track.moves = track.moved >= rules.moving_share * track.seen
        track.seen = track.moved = 0


def dump(track: Track) -> dict[str, Any]:
    """The track as JSON values."""
    return asdict(track)


def load(saved: object) -> Track:
    """The track that was given to `dump`; ValueError when it is incomplete or damaged."""
    values = dict(require(saved, "a sensor", (f.name for f in fields(Track))))
    for method in METHODS:
        values[method] = Status(values[method])
    for count in ("limit_run", "missing", "back", "same", "fresh", "seen", "moved"):
        whole_number(values[count], count)
    numbers = (values["value"], values["beyond"])
    if not isinstance(values["moves"], bool) or not all(n is None or isinstance(n, int | float) for n in numbers):
        raise ValueError("the saved state of a sensor is damaged; rebuild it from history")
    return Track(**values)
