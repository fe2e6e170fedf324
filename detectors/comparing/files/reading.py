"""Two tables as columns that can be compared; what cannot be is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detectors.comparing.cells import Codes
from detectors.comparing.columns import Column, Labels
from detectors.standalone.reading import numbers
from inference.standalone.tables import MOST_LEVELS, MOST_NUMBERS, check_columns
from monitor.errors import UsageError
from monitor.model import Floats

if TYPE_CHECKING:
    import pandas as pd

    Series = pd.Series[str]

NO_GROUP = "(missing)"
"""The group of rows that have none."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user named; '' and () where nothing was."""

    by: str = ""
    lots: str = ""
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Files:
    """Two files: how many rows each has, the columns of both, and what could not be compared.

    `types`: columns that hold numbers in one file only, with what each file holds. `left_out`: the reason by column.
    """

    paths: tuple[Path, Path]
    rows: tuple[int, int]
    columns: tuple[Column, ...]
    labels: Labels
    only: tuple[tuple[str, ...], tuple[str, ...]]
    types: dict[str, tuple[str, str]]
    left_out: dict[str, str]
    notes: tuple[str, ...]
    lots: str = ""


def read_files(frames: tuple[pd.DataFrame, pd.DataFrame], paths: tuple[Path, Path], asked: Asked) -> Files:
    """The columns of both files; UsageError where a column that was named is not there, or none can be compared."""
    _check(frames, paths, asked)
    names = [n for n in frames[0].columns if n in frames[1].columns and n != asked.lots]
    names = [n for n in names if not asked.columns or n in asked.columns]
    columns: list[Column] = []
    types: dict[str, tuple[str, str]] = {}
    left_out: dict[str, str] = {}
    for name in names:
        pair = (frames[0][name], frames[1][name])
        found = _types(pair)
        if name != asked.by and {*found} == {"numbers", "texts"}:
            types[name] = found
            continue
        column = _column(name, pair, name != asked.by and "numbers" in found)
        reason = _unfit(column, pair, name in asked.columns)
        if reason:
            left_out[name] = reason
        else:
            columns.append(column)
    only = tuple(
        tuple(n for n in frame.columns if n not in other.columns and (not asked.columns or n in asked.columns))
        for frame, other in (frames, frames[::-1])
    )
    if not columns and not types:
        reasons = [f"column {name!r} is left out: {reason}" for name, reason in left_out.items()]
        raise UsageError("\n".join([f"{paths[0]} and {paths[1]} have no column that can be compared", *reasons]))
    labels = _labels(frames, asked)
    notes = (*_strange(columns, frames), *_doubts(labels, asked, len(columns)))
    rows = (len(frames[0]), len(frames[1]))
    return Files(paths, rows, tuple(columns), labels, (only[0], only[1]), types, left_out, notes, asked.lots)


def _check(frames: tuple[pd.DataFrame, pd.DataFrame], paths: tuple[Path, Path], asked: Asked) -> None:
    for frame, path in zip(frames, paths, strict=True):
        twice = sorted(set(frame.columns[frame.columns.duplicated()]))
        if twice:
            raise UsageError(f"{path} has more than one column {twice[0]!r}; expected different names")
        check_columns(frame, [(o, n) for o, n in (("--by", asked.by), ("--lots", asked.lots)) if n], path)
    if asked.by and asked.by == asked.lots:
        raise UsageError(f"--by and --lots both name {asked.by!r}; name different columns")
    for name in asked.columns:
        if name not in frames[1].columns:
            check_columns(frames[0], [("--columns", name)], paths[0])


def _types(pair: tuple[Series, Series]) -> tuple[str, str]:
    found = (_type(pair[0]), _type(pair[1]))
    # A file without any value has the type of the other.
    return (found[0] or found[1], found[1] or found[0])


def _type(column: Series) -> str:
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        return "times"
    written = column.notna().to_numpy()
    if not written.any():
        return ""
    return "numbers" if np.isfinite(_numbers(column)).sum() >= MOST_NUMBERS * written.sum() else "texts"


def _numbers(column: Series) -> Floats:
    import pandas as pd

    if pd.api.types.is_bool_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype):
        return np.full(len(column), np.nan)
    if pd.api.types.is_object_dtype(column):
        column = column.where(column.isna(), column.astype(str))
    return numbers(column)[0]


def _column(name: str, pair: tuple[Series, Series], of_numbers: bool) -> Column:
    if of_numbers:
        return Column(name, _numbers(pair[0]), _numbers(pair[1]))
    texts = [_texts(column) for column in pair]
    levels = tuple(sorted({text for part in texts for text in part if text is not None}))
    index = {level: float(i) for i, level in enumerate(levels)}
    codes = [np.array([np.nan if t is None else index[t] for t in part], dtype=np.float64) for part in texts]
    return Column(name, codes[0], codes[1], levels)


def _texts(column: Series) -> list[str | None]:
    missing = column.isna().tolist()
    return [None if gone else str(text) for text, gone in zip(column.tolist(), missing, strict=True)]


def _unfit(column: Column, pair: tuple[Series, Series], named: bool) -> str:
    """Why a column is not compared; '' if it is."""
    if not np.isfinite(column.reference).any() and not np.isfinite(column.current).any():
        return "it is empty in both files"
    if named:
        return ""
    if "times" in (_type(pair[0]), _type(pair[1])):
        return "it holds times"
    if column.levels is not None and len(column.levels) > MOST_LEVELS:
        return f"it has {len(column.levels)} different texts, more than {MOST_LEVELS}; --columns would take it"
    numbered = [len(part) > 2 and bool((np.diff(part) == 1).all()) for part in (column.reference, column.current)]
    if column.levels is None and all(numbered):
        return "it numbers the rows; --columns would take it"
    return ""


def _labels(frames: tuple[pd.DataFrame, pd.DataFrame], asked: Asked) -> Labels:
    groups: tuple[Codes, Codes] | None = None
    lots: tuple[Codes, Codes] | None = None
    names: tuple[str, ...] = ()
    if asked.by:
        texts = [[NO_GROUP if t is None else t for t in _texts(frame[asked.by])] for frame in frames]
        groups, names = _numbered(texts)
    if asked.lots:
        of_lots = [_texts(frame[asked.lots]) for frame in frames]
        for part in of_lots:
            if None in part:
                where = f"row {part.index(None) + 1} has no value; expected one in every row"
                raise UsageError(f"--lots {asked.lots!r}: {where}")
        lots = _numbered([[str(t) for t in part] for part in of_lots])[0]
    return Labels(groups, lots, names, asked.by)


def _numbered(texts: Sequence[Sequence[str]]) -> tuple[tuple[Codes, Codes], tuple[str, ...]]:
    names = tuple(sorted({text for part in texts for text in part}))
    index = {name: i for i, name in enumerate(names)}
    before, now = (np.array([index[text] for text in part], dtype=np.int64) for part in texts)
    return (before, now), names


def _strange(columns: Sequence[Column], frames: tuple[pd.DataFrame, pd.DataFrame]) -> Iterator[str]:
    for column in columns:
        for option, frame, values in zip(
            ("REFERENCE", "CURRENT"), frames, (column.reference, column.current), strict=True
        ):  # fmt: skip
            strange = int((frame[column.name].notna().to_numpy() & ~np.isfinite(values)).sum())
            if strange:
                said = f"{strange} of {len(values)} values in {option} are no finite numbers"
                yield f"column {column.name!r}: {said} and counted as missing"


def _doubts(labels: Labels, asked: Asked, columns: int, q: float = 0.05) -> Iterator[str]:
    if labels.groups is not None:
        both = np.intersect1d(*labels.groups)
        for option, part in zip(("REFERENCE", "CURRENT"), labels.groups, strict=True):
            alone = [labels.names[i] for i in np.setdiff1d(part, both)]
            if alone:
                share = float((~np.isin(part, both)).mean())
                more = f" and {len(alone) - 5} more" if len(alone) > 5 else ""
                yield f"only in {option}: {asked.by} {', '.join(alone[:5])}{more}, {share:.0%} of its rows"
    if labels.lots is None:
        return
    counts = [len(np.unique(part)) for part in labels.lots]
    if 1 / comb(sum(counts), counts[0]) > q / max(columns, 1):
        yield (
            f"--lots {asked.lots!r}: {counts[0]} and {counts[1]} lots are too few for a change of a single one of "
            f"{columns} columns to be told from chance; take more lots, or name fewer columns"
        )
    if labels.groups is not None:
        for lots, groups in zip(labels.lots, labels.groups, strict=True):
            if len(np.unique(np.stack([lots, groups]), axis=1).T) > len(np.unique(lots)):
                yield f"some lots have rows of several {asked.by}: what remains of a drift may be called too often"
                break
