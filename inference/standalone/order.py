"""The order of a table's rows in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inference.standalone.tables import numbers
from monitor.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


def in_time(frame: pd.DataFrame, column: str) -> NDArray[np.intp]:
    """The positions of the rows in order of time: by a column of numbers or times, or as they stand without one.

    Rows of one time keep their order. UsageError where a row has no time that can be read.
    """
    import pandas as pd

    if not column:
        return np.arange(len(frame))
    values = numbers(frame[column])
    if np.isnan(values).any():
        times = pd.to_datetime(frame[column], errors="coerce", utc=True, format="mixed")
        bad = np.flatnonzero(times.isna().to_numpy())
        if len(bad):
            text = frame[column].iloc[int(bad[0])]
            raise UsageError(
                f"--time {column!r}: row {int(bad[0])} holds {text!r}; expected a number or a time such as "
                "2026-01-31T06:00:00"
            )
        values = times.astype("int64").to_numpy().astype(np.float64)
    return np.argsort(values, kind="stable")
