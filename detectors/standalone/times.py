"""A column of times: as it is written, and as instants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monitor.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Times:
    """`texts`: as in the file; `instants`, (n,) in ns since 1970, or None where the column holds plain numbers.

    A time without an offset counts as UTC. A row whose time cannot be read has that of the row before it.
    """

    texts: tuple[str, ...]
    instants: NDArray[np.int64] | None
    notes: tuple[str, ...]


def read_times(column: pd.Series[str], name: str) -> Times:
    """The times of a column; UsageError where none can be read."""
    import pandas as pd

    texts = tuple("" if missing else str(text) for text, missing in zip(column, column.isna(), strict=True))
    plain = pd.to_numeric(column, errors="coerce") if column.dtype.kind != "M" else None
    if plain is not None and plain.notna().any():
        values = plain.to_numpy(dtype=np.float64, na_value=np.nan)
        return Times(texts, None, _notes(values, np.isfinite(values), texts, name))
    parsed = pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")
    if (strange := parsed.isna() & column.notna()).any():
        parsed = parsed.mask(strange, pd.to_datetime(column[strange], errors="coerce", utc=True, format="mixed"))
    known = parsed.notna().to_numpy()
    if not known.any():
        first = next((text for text in texts if text), "")
        raise UsageError(
            f"--time {name!r}: no time can be read, the first being {first!r}; expected numbers or times such as "
            "2026-01-31T06:00:00"
        )
    instants = np.asarray(parsed.astype("datetime64[ns, UTC]").astype("int64"), dtype=np.int64)
    return Times(texts, _filled(instants, known), _notes(instants.astype(np.float64), known, texts, name))


def _filled(instants: NDArray[np.int64], known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Instants with unknown ones replaced by the last known before them, or the first known of all."""
    places = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
    return np.asarray(instants[np.where(places < 0, int(np.argmax(known)), places)], dtype=np.int64)


def _notes(values: NDArray[np.float64], known: NDArray[np.bool_], texts: tuple[str, ...], name: str) -> tuple[str, ...]:
    """What is to be said of the times; rows are judged in the order of the file whatever they say."""
    notes = []
    if not known.all():
        first = int(np.argmin(known))
        notes.append(
            f"--time {name!r}: {int((~known).sum())} of {len(known)} times cannot be read, the first {texts[first]!r} "
            f"in row {first + 1}"
        )
    steps = np.diff(values[known])
    for count, what in ((int((steps < 0).sum()), "step back"), (int((steps == 0).sum()), "repeat the one before")):
        if count:
            notes.append(f"--time {name!r}: {count} times {what}; rows are judged in the order of the file")
    return tuple(notes)
