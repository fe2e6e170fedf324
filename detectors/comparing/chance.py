"""How often chance does what was found: rows, or whole lots, exchanged between both samples at random.

Under no change, which file a row (a lot) is in is arbitrary, so every exchange is as likely as what is there: the test
is exact, whatever the distribution, ties and the size of the samples (Pitman, 1937; Phipson and Smyth, 2010, for the 1
that is added). Within strata it asks whether the rows of each stratum changed, whatever its share became.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from detectors.comparing.cells import Cells, Codes
from detectors.comparing.statistics import Statistic
from monitor.model import Floats

FIRST, FEWEST, MOST = 199, 999, 20_000
"""Exchanges for every test; at least, and at most, for those that may be no chance."""
_AT_ONCE = 500
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Stratum:
    """The counts (units, k) by cell of rows that may be exchanged, those of the reference first; and its share.

    `units` None: every row is a unit of its own, and `counts` has two rows: reference, current. `share`: the weight of
    the stratum in both samples.
    """

    counts: Floats
    units: int | None
    share: float


@dataclass(frozen=True, slots=True)
class Chance:
    """The distance found, what it stays below by chance (at `level`), and how likely chance does as much."""

    distance: float
    usual: float
    p: float


def stratum(cells: Cells, rows: tuple[Codes, Codes], lots: tuple[Codes, Codes] | None, share: float = 1.0) -> Stratum:
    """A stratum of some rows, as indices into both samples; `lots`: the lot of each value of both samples.

    A lot that is in both samples is two units.
    """
    codes = (cells.reference[rows[0]], cells.current[rows[1]])
    k = len(cells.points)
    if lots is None:
        return Stratum(np.stack([np.bincount(part, minlength=k) for part in codes]).astype(np.float64), None, share)
    counts = []
    for part, of, which in zip(codes, lots, rows, strict=True):
        names, unit = np.unique(of[which], return_inverse=True)
        table = np.bincount(unit * k + part, minlength=len(names) * k).reshape(len(names), k)
        # In an order of their own, not that of the lots' names or rows.
        counts.append(table[np.lexsort(table.T)].astype(np.float64))
    return Stratum(np.concatenate(counts), len(counts[0]), share)


def chance(
    strata: Sequence[Stratum], cells: Cells, statistic: Statistic, q: float, tests: int, key: str
) -> Chance:  # fmt: skip
    """The chance of the distance of what is there, as one of `tests`; more exchanges are made where it is small.

    The second round decides only what the first did not: no p-value that is at most 2 q is of the first. `key` seeds
    the exchanges: with the same ones for every column, all would have the luck of the same few.
    """
    found = float(statistic(*_shares(strata, [_observed(s) for s in strata]), cells)[0])
    if not found > 0:
        return Chance(0.0, 0.0, 1.0)
    rng = np.random.default_rng(crc32(key.encode(errors="surrogatepass")))
    exchanged = _exchange(strata, cells, statistic, FIRST, rng)
    if _p(exchanged, found) <= 2 * q:
        more = min(MOST, max(FEWEST, int(np.ceil(2 * tests / q)) - 1))
        exchanged = np.concatenate([exchanged, _exchange(strata, cells, statistic, more - FIRST, rng)])
    return Chance(found, float(np.quantile(exchanged, 1 - q)), _p(exchanged, found))


def distance(strata: Sequence[Stratum], cells: Cells, statistic: Statistic) -> float:
    """The distance of what is there, without its chance."""
    return float(statistic(*_shares(strata, [_observed(s) for s in strata]), cells)[0])


def _p(exchanged: Floats, found: float) -> float:
    return float((1 + (exchanged >= found * (1 - _ROUNDING)).sum()) / (1 + len(exchanged)))


def _exchange(
    strata: Sequence[Stratum], cells: Cells, statistic: Statistic, size: int, rng: np.random.Generator
) -> Floats:
    drawn = [
        statistic(*_shares(strata, [_draw(s, part, rng) for s in strata]), cells) for part in _parts(size)
    ]  # fmt: skip
    return np.concatenate(drawn)


def _parts(size: int) -> Iterator[int]:
    yield from (min(_AT_ONCE, size - start) for start in range(0, size, _AT_ONCE))


def _observed(stratum: Stratum) -> Floats:
    return np.asarray(stratum.counts[: stratum.units or 1].sum(axis=0, keepdims=True))


def _draw(stratum: Stratum, size: int, rng: np.random.Generator) -> Floats:
    """The reference's counts (size, k) in as many exchanges."""
    if stratum.units is None:
        totals = stratum.counts.sum(axis=0).astype(np.int64)
        rows = int(stratum.counts[0].sum())
        return rng.multivariate_hypergeometric(totals, rows, size=size, method="marginals").astype(np.float64)
    chosen = rng.random((size, len(stratum.counts))).argsort(axis=1) < stratum.units
    return np.asarray(chosen.astype(np.float64) @ stratum.counts)


def _shares(strata: Sequence[Stratum], references: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Both samples' shares (size, k) by cell, each stratum with its own share of the whole."""
    before: Floats | float = 0.0
    now: Floats | float = 0.0
    for s, reference in zip(strata, references, strict=True):
        current = s.counts.sum(axis=0) - reference
        before = before + s.share * reference / reference.sum(axis=1, keepdims=True)
        now = now + s.share * current / current.sum(axis=1, keepdims=True)
    return np.asarray(before), np.asarray(now)
