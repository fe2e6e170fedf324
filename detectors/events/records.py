"""How far a chart goes beyond everything it has shown before, and beyond what its records usually add.

Rows come in blocks of BLOCK. Within a block the centre and the statistics stand; only the highest and lowest value
move. So a block is a running maximum, which has the same bits whatever batches its rows came in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from monitor.model import Floats

BLOCK = 64
_DECAY = 1e-4  # share of its distance from the centre that a record loses a row
_EPOCH = 64  # blocks, after which a record is at most _CAP times what was seen in them
_CAP = 2.5
_BLOCK_RATE = 0.02  # weight of a new block in the statistics of block maxima
_OUTLIER = 1.5  # a block's maximum counts up to this multiple of the record
_PARTS = 0.1  # least deviation of block maxima, in parts of their mean
_FEW_BLOCKS = 1.0  # how much more is asked of a deviation from few blocks, in parts of 1 / blocks
_LEAST = 1e-6
_FADING = (1 - _DECAY) ** np.arange(BLOCK + 1)[:, None, None]


@dataclass(frozen=True, slots=True)
class Records:
    """What is remembered of `charts` charts; arrays (2, charts) are of the two sides, above and below the centre.

    `record`: the highest distance seen, as it was worth at the block's start; `bound`: the record at that start;
    `mean`, `variance`: of the distances that are the highest of their blocks; `blocks`: how many they are.
    `total`, `highest`: sum (charts,) and highest distances of the block's rows so far, `position` of them;
    `recent`: highest distances of the blocks since the last cap, `epoch` of them.
    """

    centre: Floats
    floor: Floats
    record: Floats
    bound: Floats
    mean: Floats
    variance: Floats
    total: Floats
    highest: Floats
    recent: Floats
    blocks: int = 0
    position: int = 0
    epoch: int = 0


ARRAYS = ("centre", "floor", "record", "bound", "mean", "variance", "total", "highest", "recent")
COUNTS = ("blocks", "position", "epoch")


def blank(charts: int, least: float = _LEAST) -> Records:
    """Records of charts that lie about 0 and of which nothing has been seen; a record is at least `least`."""
    sides = np.full((2, charts), least)
    return Records(
        np.zeros(charts), np.full(charts, least), sides, sides, np.zeros((2, charts)), np.zeros((2, charts)),
        np.zeros(charts), np.zeros((2, charts)), np.zeros((2, charts)),
    )  # fmt: skip


def learnt(rows: Floats) -> Records:
    """Records of the rows of a warm-up, shape (n >= 3, charts), with their median as the centre."""
    centre = np.median(rows, axis=0)
    floor = np.maximum(_LEAST, 1e-3 * np.abs(centre))
    distances = _sides(rows - centre)
    maxima = np.stack([block.max(axis=0) for block in np.array_split(distances, max(3, len(rows) // BLOCK))])
    record = np.maximum(distances.max(axis=0), floor)
    return replace(
        blank(rows.shape[1]), centre=centre, floor=floor, record=record, bound=record, mean=maxima.mean(axis=0),
        variance=maxima.var(axis=0), blocks=len(maxima),
    )  # fmt: skip


def _sides(distances: Floats) -> Floats:
    """Signed distances (n, charts) as those of both sides (n, 2, charts)."""
    return np.stack([distances, -distances], axis=1)


def room(records: Records) -> int:
    """Rows that still fit into the block."""
    return BLOCK - records.position


def beyond(records: Records, rows: Floats, spreads: float) -> tuple[Records, Floats]:
    """The score of each chart at each row, and the records with these rows; shape (n <= room, charts).

    A score is the smaller of two: the distance from the centre over the record of that side, and the distance over the
    mean of block maxima in `spreads` of their standard deviations. So above 1 is a record that is also larger than the
    chart's records usually are. A block's maximum counts up to 1.5 times the record in their statistics.
    """
    distances = rows - records.centre
    sides = _sides(distances)
    fading = _FADING[records.position : records.position + len(rows)]
    running = np.maximum.accumulate(np.concatenate([records.record[None], sides / fading]), axis=0)
    before = np.maximum(running[:-1] * fading, records.floor)
    spread = np.sqrt(records.variance + (_PARTS * records.mean) ** 2 + (records.floor / 2) ** 2)
    needed = spreads * (1 + _FEW_BLOCKS / max(records.blocks, 1))
    scores = np.minimum(sides / before, (sides - records.mean) / (needed * spread)).max(axis=1)
    bounded = np.clip(distances, -records.bound[1], records.bound[0])
    moved = replace(
        records,
        record=running[-1],
        highest=np.maximum(records.highest, sides.max(axis=0)),
        total=np.add.accumulate(np.concatenate([records.total[None], bounded]), axis=0)[-1],
        position=records.position + len(rows),
    )
    return moved, scores


def close_block(records: Records, pace: float, learning: bool = False) -> Records:
    """The records after a full block: the centre follows by `pace`, the share of its error a row; records fade.

    While `learning` nothing is taken for an outlier.
    """
    highest = records.highest if learning else np.minimum(records.highest, _OUTLIER * records.bound)
    rate = max(_BLOCK_RATE, 1 / (records.blocks + 1))
    error = highest - records.mean
    mean = records.mean + rate * error
    variance = (1 - rate) * (records.variance + rate * error * error)
    record = np.maximum(records.record * _FADING[BLOCK, 0], records.floor)
    recent, epoch = np.maximum(records.recent, np.minimum(records.highest, record)), records.epoch + 1
    if epoch == _EPOCH:
        record = np.maximum(np.minimum(record, _CAP * recent), records.floor)
        mean, variance = np.minimum(mean, recent), np.minimum(variance, (recent / 2) ** 2)
        recent, epoch = np.zeros_like(recent), 0
    step = records.total / BLOCK * (1 - (1 - pace) ** BLOCK)
    away = np.stack([step, -step])
    record = np.maximum(record - away, records.floor)
    return Records(
        records.centre + step, records.floor, record, record, mean - away, variance, np.zeros_like(records.total),
        np.zeros_like(record), recent, records.blocks + 1, 0, epoch,
    )  # fmt: skip
