"""A picture of the judged rows: the sensors, the score with its limit, what was flagged. Beside
`detectors.spc.files.drawing` no other module draws by matplotlib.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.standalone.judging import LIMIT, Judged
from monitor.model import Floats

MOST_SENSORS = 8
FORMATS = ("png", "svg")


def picture(judged: Judged, values: Floats, names: Sequence[str], format_: str) -> bytes:
    """The picture in one of FORMATS; of many sensors those that were blamed most, then the first ones."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = _shown(judged, len(names))
    figure = Figure(figsize=(12, 1.4 * len(shown) + 2.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(shown) + 1, 1, sharex=True, squeeze=False)[:, 0]
    rows = np.arange(1, len(values) + 1)
    for axis, sensor in zip(axes, shown, strict=False):
        axis.plot(rows, values[:, sensor], linewidth=0.7, color="#33557f")
        axis.set_ylabel(names[sensor][:24], rotation=0, ha="right", va="center", fontsize=8)
    axes[-1].plot(rows, judged.score, linewidth=0.8, color="#333333")
    axes[-1].axhline(LIMIT, linewidth=0.8, color="#b03030", linestyle="--")
    axes[-1].set_ylabel("score", rotation=0, ha="right", va="center", fontsize=8)
    axes[-1].set_xlabel("row; grey: reference, red: anomaly, dotted: change point", fontsize=8)
    for axis in axes:
        axis.axvspan(1, judged.reference, color="#999999", alpha=0.15, linewidth=0)
        for first, end in _runs(judged.anomaly):
            axis.axvspan(first + 1 - 0.5, end + 0.5, color="#d04040", alpha=0.35, linewidth=0)
        for row in np.flatnonzero(judged.change).tolist():
            axis.axvline(row + 1, color="#555555", linewidth=0.8, linestyle=":")
        axis.tick_params(labelsize=7)
    file = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "gatewatch", "svg.fonttype": "none"}):
        figure.savefig(file, format=format_, dpi=110, metadata={"Date": None} if format_ == "svg" else None)
    return file.getvalue()


def _shown(judged: Judged, sensors: int) -> list[int]:
    """The sensors to draw, in their order."""
    blamed = np.bincount(judged.top[judged.anomaly & (judged.top >= 0)], minlength=sensors)
    return sorted(np.argsort(-blamed, kind="stable")[:MOST_SENSORS].tolist())


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First row and the one after the last of each run of flagged rows."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
