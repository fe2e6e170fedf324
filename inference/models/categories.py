"""Category inputs: texts as numbers, these as places among the levels of a model, and places as columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from inference.models.gaps import Gaps
from inference.models.kind import TrainingSettings
from monitor.model import Floats

_BYTES = 6
"""Of the code of a text: as many as a float holds exactly."""


def level_code(text: str) -> float:
    """The number that stands for a text in rows of numbers, the same in every process and version; NaN for none.

    >>> level_code("R1")
    217114840995106.0
    """
    if not text:
        return np.nan
    return float(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=_BYTES).digest(), "big"))


def levels_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The levels of a category, from the texts of training parts."""
    return tuple(sorted({text for text in texts if text}))


def to_levels(rows: Floats, inputs: Sequence[str], categories: Mapping[str, Sequence[str]]) -> Floats:
    """Rows (rows, inputs) in which texts are places among their levels in place of codes; -1: none of them.

    `categories` has the levels by input. NaN, for a missing text, stays.
    """
    placed = np.array(rows, dtype=np.float64)
    for name, levels in categories.items():
        codes, column = [level_code(level) for level in levels], placed[:, inputs.index(name)]
        place_of = {code: float(place) for place, code in enumerate(codes)}
        placed[:, inputs.index(name)] = [
            code if np.isnan(code) else place_of.get(code, -1.0) for code in column.tolist()
        ]
    return placed


def counts(settings: TrainingSettings) -> tuple[int, ...]:
    """For each input the number of its levels, 0 for a number; points of the profile are numbers."""
    points = settings.profile_count
    covariates = (len(settings.categories.get(name, ())) for name in settings.inputs[points:])
    return (0,) * points + tuple(covariates)


def spread(rows: Floats, levels: Sequence[int]) -> Floats:
    """Rows (rows, inputs) of numbers and level indexes as (rows, numbers and levels); of no level only zeros."""
    if not any(levels):
        return rows
    columns = [
        (column[:, None] == np.arange(count)).astype(np.float64) if count else column[:, None]
        for column, count in zip(rows.T, levels, strict=True)
    ]
    return np.concatenate(columns, axis=1)


def with_usual_levels(gaps: Gaps, rows: Floats, levels: Sequence[int]) -> Gaps:
    """Gaps that fill a missing category by its most frequent level in rows (rows, inputs), the first of equals."""
    fill = [
        float(np.argmax((column[:, None] == np.arange(count)).sum(axis=0))) if count else value
        for column, count, value in zip(rows.T, levels, gaps.fill, strict=True)
    ]
    return replace(gaps, fill=tuple(fill))
