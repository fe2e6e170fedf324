"""What the model of a gate of pictures says of a step's passages, as columns of its windows.

It is taken from the gate's decisions and from what was held out of training; a picture that was judged is not judged
again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from inference.policy.gate import said_of
from inference.predicting import predict_rows
from monitor.detection import EMBEDDING, PREDICTION
from monitor.model import ClassSpec, Floats, Prediction, Window
from monitor.pipeline.passages import MaxAges, gate_input, picture_key, with_earlier
from monitor.plant.gates import GateConfig
from monitor.ports import GateModel
from monitor.store.database.database import Store
from monitor.store.rows.decisions import PictureSaid, stored_coordinates, stored_probabilities
from monitor.store.rows.parts import PartStep
from monitor.store.rows.pictures import StoredPictures, with_picture


def columns_said(
    window: Window, said: Mapping[int, PictureSaid], names: Sequence[str], classes: ClassSpec | None
) -> Floats:
    """What was said of each passage of the window by its arrival number, (rows, names); NaN where nothing was.

    The prediction is by what the classes mean now, whatever they meant when it was made.
    """
    found = np.full((len(window), len(names)), np.nan)
    for i, arrival in enumerate(window.arrivals.tolist()):
        if arrival in said:
            row = (_predicted(said[arrival], classes), *(said[arrival].coordinates or ()))
            found[i, : len(row)] = np.array(row, dtype=np.float64)
    return found


@dataclass(frozen=True, slots=True)
class Judging:
    """A gate of pictures with its model, what that said of parts held out, and what the classes mean."""

    gate: GateConfig
    max_ages: MaxAges
    model: GateModel
    held_out: Mapping[str, Prediction]
    classes: ClassSpec | None


def said_before(
    store: Store,
    judging: Judging,
    window: Window,
    history: Sequence[PartStep],
    judged: Mapping[int, PictureSaid],
    beat: Callable[[], None],
) -> Window:
    """What the model says of the passages of a reference, as a window of its columns.

    `judged` is what it said when the gate judged them. Of a part that it was trained on it is what a model said that
    was not fitted to the part; the newest others are judged now, at most as many as the gate is trained on. `history`
    holds every passage of the parts in order of arrival; `beat` is called while pictures are read.
    """
    said, ask = dict(judged), dict[int, int]()
    for row, picture in _not_judged(judging, window, history, judged):
        known = judging.held_out.get(row.serial)
        if known is not None:
            said[row.arrival] = _as_stored(known)
        elif picture is not None:
            ask[row.arrival] = picture
    said |= _ask(store, judging, ask, beat)
    coordinates = max((len(one.coordinates or ()) for one in said.values()), default=0)
    names = (PREDICTION, *_features(coordinates))
    return replace(window, names=names, values=columns_said(window, said, names, judging.classes))


def _not_judged(
    judging: Judging, window: Window, history: Sequence[PartStep], judged: Collection[int]
) -> Iterator[tuple[PartStep, int | None]]:
    """The passages of a window that the model did not judge, and the row of the picture that it would be given."""
    wanted = set(window.arrivals.tolist()).difference(judged)
    for row, passage, earlier in with_earlier(history, judging.max_ages, lambda row: row.arrival in wanted):
        key = picture_key(judging.gate, gate_input(judging.gate, passage, earlier, {})[1])
        yield row, None if key is None else key[0]


def _ask(store: Store, judging: Judging, rows: Mapping[int, int], beat: Callable[[], None]) -> dict[int, PictureSaid]:
    """What the model says now of the newest of these passages, by the row of the picture of each."""
    picture = judging.gate.picture
    if picture is None or not rows:
        return {}
    with store.read() as connection:
        there = with_picture(connection, rows.values(), picture.name)
    newest = [arrival for arrival, row in rows.items() if row in there][-judging.gate.training.max_rows :]
    pictures = StoredPictures(store.engine, [rows[arrival] for arrival in newest], picture.name, beat)
    answers = zip(newest, predict_rows(judging.model, pictures), strict=True)
    return {arrival: _as_stored(said) for arrival, said in answers if said is not None}


def _as_stored(said: Prediction) -> PictureSaid:
    return PictureSaid(said.value, stored_probabilities(said), stored_coordinates(said))


def _predicted(said: PictureSaid, classes: ClassSpec | None) -> float:
    value, *shares = (np.nan if p is None else p for p in (said.predicted, *(said.probabilities or ())))
    again = said_of(Prediction(value, value, value, 0.0, 0.0, tuple(shares)), classes)
    return value if again is None else again.value


def _features(coordinates: int) -> tuple[str, ...]:
    """The names of so many coordinates; the last one is the distance."""
    numbered = (f"{EMBEDDING}_{i}" for i in range(1, coordinates))
    return (*numbered, f"{EMBEDDING}_distance") if coordinates else ()
