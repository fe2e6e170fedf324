"""What the operator of the demo does with a coated blade on a recommendation, as pure functions.

He follows `continue`, `correct` and `scrap`, and inspects what is held or audited. An inspection measures the blade on
the test rig, and the value is entered as that of a final test, whatever he then does: else nobody would learn of just
those blades that lie at the limit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from monitor.simulator import line
from monitor.simulator.records import REWORKED, SCRAPPED, USED, disposition

_MINUTE_MS = 60_000
_BLENDING_MS, _SCRAPPING_MS = (20 * _MINUTE_MS, 90 * _MINUTE_MS), (10 * _MINUTE_MS, 30 * _MINUTE_MS)
_TO_WORD_MS = 5 * _MINUTE_MS, 15 * _MINUTE_MS
"""From an inspection to its disposition."""
_WAITING = 0.2, 0.8
"""When a held part is inspected, as a share of the time that the step gives people."""
_BLENDED_SD_HZ, _TOO_FAR_HZ = 6.0, (1.0, 10.0)


class Did(StrEnum):
    """What became of a part at the gate."""

    WENT_ON = "went_on"
    USED = "used"
    REWORKED = "reworked"
    SCRAPPED = "scrapped"


@dataclass(frozen=True, slots=True)
class Advice:
    """A recommendation as the MES has it; `audited`: the part is to be inspected all the same."""

    serial: str
    visit: int
    said: str
    reason: str
    correction: str
    audited: bool


@dataclass(frozen=True, slots=True)
class Act:
    """What was done on a recommendation; times in ms since 1970, values in Hz.

    `found` at `inspected`: what the rig read before anything was done; None without an inspection. `at`: when it was
    done. `after`: what the final test will read of a reworked part.
    """

    advice: Advice
    did: Did
    at: int
    inspected: int | None = None
    found: float | None = None
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Rig:
    """What the test rig reads: `final` by serial at the final test, too high by `bias` of `biased` parts.

    Until `biased_from` (ms since 1970) it reads right.
    """

    final: Mapping[str, float]
    biased: frozenset[str] = frozenset()
    bias: float = 0.0
    biased_from: int = 0

    def reads(self, serial: str, at: int) -> float:
        """The value in Hz of a part as it is, measured at an instant."""
        wrong = serial in self.biased and at < self.biased_from
        return round(self.final[serial] - self.bias, 2) if wrong else self.final[serial]


@dataclass(frozen=True, slots=True)
class Shop:
    """What the operator works with: the rig, the share of corrections that succeed by name, the time he has (ms)."""

    rig: Rig
    success: Mapping[str, float]
    decide_by: int
    seed: int


def act_on(advice: Advice, now: int, shop: Shop) -> Act:
    """What the operator does on a recommendation that he reads at `now`; the same for the same part and seed."""
    rng = _rng(shop.seed, advice.serial)
    if advice.said in ("continue", "scrap") and not advice.audited:
        if advice.said == "continue":
            return Act(advice, Did.WENT_ON, now)
        return Act(advice, Did.SCRAPPED, now + _between(_SCRAPPING_MS, rng))
    if advice.said == "correct":
        at = now + _between(_BLENDING_MS, rng)
        return Act(advice, Did.REWORKED, at, after=_blended(advice, at, shop, rng))
    inspected = now + _between((round(_WAITING[0] * shop.decide_by), round(_WAITING[1] * shop.decide_by)), rng)
    found, at = shop.rig.reads(advice.serial, inspected), inspected + _between(_TO_WORD_MS, rng)
    did = _DONE[disposition(found)]
    after = _blended(advice, at, shop, rng) if did is Did.REWORKED else None
    return Act(advice, did, at, inspected, found, after)


_DONE = {USED: Did.USED, REWORKED: Did.REWORKED, SCRAPPED: Did.SCRAPPED}


def _blended(advice: Advice, at: int, shop: Shop, rng: np.random.Generator) -> float:
    """The final test of a blended blade. Of one that could be reworked the correction succeeds in its share, else too
    much is taken off; a good one stays good, and one that could not be reworked does not become good."""
    was = shop.rig.reads(advice.serial, at)
    success = shop.success.get(advice.correction) or max(shop.success.values())
    good = was <= line.SPEC_UPPER_HZ or rng.random() < success
    if not good or was < line.SPEC_LOWER_HZ or was > line.SPEC_UPPER_HZ + line.REWORK_ABOVE_HZ:
        too_far = rng.uniform(*_TOO_FAR_HZ)
        return round(min(was, line.SPEC_LOWER_HZ) - too_far, 2)
    inside = line.TARGET_HZ + _BLENDED_SD_HZ * rng.standard_normal()
    return round(float(np.clip(inside, line.SPEC_LOWER_HZ + 1, line.SPEC_UPPER_HZ - 1)), 2)


def _rng(seed: int, serial: str) -> np.random.Generator:
    """A generator of the part's own, so that what is done with one part changes nothing for another."""
    digest = hashlib.sha256(f"{seed}\n{serial}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _between(span: tuple[int, int], rng: np.random.Generator) -> int:
    """Whole seconds, in ms."""
    return 1000 * int(rng.integers(span[0] // 1000, span[1] // 1000))
