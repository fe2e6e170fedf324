"""One sensor, sample by sample: outside its limits, dead, or stuck. The rules; `limits.py` runs them fast."""

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
    """How many consecutive samples it takes. All counts >= 1.

    `limit_rows` starts and ends a breach of a limit, and ends the other two; `dead_rows` missing samples make a
    sensor dead, `stuck_rows` equal ones stuck.
    """

    limit_rows: int
    dead_rows: int
    stuck_rows: int

    @property
    def study_rows(self) -> int:
        """Running samples after which it is decided whether a sensor moves by nature."""
        return 10 * self.stuck_rows

    @property
    def moving_share(self) -> float:
        """The share of samples that must differ from the one before for `stuck` to mean something.

        With a share r of samples that move, independently, a healthy run of `stuck_rows` equal samples follows a
        move with probability (1 - r) ** (stuck_rows - 1); asked is at most one in a million. A setpoint, a valve
        position or a coarse counter stays below this and is never called stuck.
        """
        return float(1 - 1e-6 ** (1 / max(self.stuck_rows - 1, 1)))


@dataclass(slots=True)
class Track:
    """The memory of one sensor: a status for each method, and the counts behind it.

    `limit_run`: samples in a row that speak against the limit's status; `missing`: samples in a row without a
    value; `back`, `fresh`: samples in a row that speak for the end of `dead` and `stuck` (0 outside a breach);
    `same`: equal samples in a row; `seen`, `moved`: samples, and moves among them, of the current study;
    `moves`: whether a study found that the sensor moves by nature.
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


def step(track: Track, value: float, judged: bool, low: float, high: float, rules: Rules) -> Iterator[str]:
    """Take one sample (NaN: missing) into the track; yields the methods whose status changed.

    `judged` is whether the machine runs: a missing sample counts in any case, a value only then.
    `low` and `high` are infinite where there is no limit.
    """
    before = (track.limit, track.dead, track.stuck)
    _dead(track, value, rules)
    if judged and track.missing == 0 and track.dead is Status.OK:
        _limit(track, low <= value <= high, rules)
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
            # What is not there can be neither inside its limits nor stuck.
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
    # A first value inside is believed at once; anything else has to last.
    if track.limit_run >= rules.limit_rows or (inside and track.limit is Status.NO_DATA):
        track.limit = Status.OK if inside else Status.BREACH
        track.limit_run = 0


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
    """The track that `dump` saw; ValueError when it is not whole."""
    known = dict(require(saved, "a sensor", (f.name for f in fields(Track))))
    for method in METHODS:
        known[method] = Status(known[method])
    for count in ("limit_run", "missing", "back", "same", "fresh", "seen", "moved"):
        whole_number(known[count], count)
    value = known["value"]
    if not isinstance(known["moves"], bool) or not (value is None or isinstance(value, int | float)):
        raise ValueError("the saved state of a sensor is damaged; rebuild it from history")
    return Track(**known)
