"""The state of the anomaly score of one machine, and its JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from detectors.shared.state import whole_number
from detectors.stream.baseline import Baseline, Settings
from detectors.stream.shared_baseline import SharedBaseline, load_learnt, load_shared, new_shared, save_learnt
from monitor.model import Floats, Status


@dataclass(slots=True)
class AnomalyState:
    """The state of one machine: its baselines by recipe (an array: the warm-up rows so far) and its status.

    `shared`: the machine's own baseline, for recipes without one; `borrowing`: whether it judged the last row;
    `unwatched`: by how much the rows of the running machine that were compared with nothing outnumber the others.

    `wanted`: the status that recent rows indicate; `run`: consecutive rows that indicate it instead of `status`;
    `blind`: consecutive rows without enough values; `excess`: by recipe, how far anomalous rows outnumber normal ones.
    `stood`: whether the machine was stopped at the last row; `recipe`: the last one that ran; `settling`: rows still
    to be skipped; `at`: time of the last row (ns).
    """

    machine: str
    baselines: dict[str, Baseline | Floats] = field(default_factory=dict)
    shared: SharedBaseline = field(default_factory=lambda: new_shared(0))
    excess: dict[str | None, int] = field(default_factory=dict)
    borrowing: bool = False
    unwatched: int = 0
    status: Status = Status.NO_DATA
    wanted: Status = Status.NO_DATA
    run: int = 0
    blind: int = 0
    stood: bool = False
    recipe: str | None = None
    settling: int = 0
    at: int | None = None
    value: float | None = None
    limit: float | None = None
    causes: tuple[str, ...] = ()


def drop(state: AnomalyState, recipe: str | None, width: int) -> bool:
    """Drop the baseline of a recipe (None: all of them, the machine's own too); whether the status is of a dropped one.

    Rows that a recipe gave to the machine's own baseline stay in it: they are a quarter of a warm-up at most.
    """
    if recipe is None:
        state.baselines, state.excess, state.shared = {}, {}, new_shared(width)
        state.borrowing, state.unwatched = False, 0
        return True
    state.excess.pop(recipe, None)
    return state.baselines.pop(recipe, None) is not None and recipe == state.recipe and not state.borrowing


_PLAIN = (
    "machine", "status", "wanted", "run", "blind", "stood", "recipe", "settling", "at", "value", "limit", "borrowing",
    "unwatched",
)  # fmt: skip
SAVED = ("baselines", "shared", "excess", "causes", *_PLAIN)


def dump(state: AnomalyState) -> dict[str, Any]:
    """The state as JSON values; arrays as text."""
    return {
        "baselines": [[recipe, save_learnt(learnt)] for recipe, learnt in state.baselines.items()],
        "shared": state.shared.save(),
        "excess": [[recipe, rows] for recipe, rows in state.excess.items()],
        "causes": list(state.causes),
        **{name: getattr(state, name) for name in _PLAIN},
    }


def load(fields: Mapping[str, Any], settings: Settings, width: int) -> AnomalyState:
    """The state that was given to `dump`; ValueError, TypeError or AttributeError when it is damaged."""
    state = AnomalyState(
        baselines={str(recipe): load_learnt(learnt, settings, width) for recipe, learnt in fields["baselines"]},
        shared=load_shared(fields["shared"], settings, width),
        excess={recipe: whole_number(rows, "excess") for recipe, rows in fields["excess"]},
        causes=tuple(str(cause) for cause in fields["causes"]),
        **{name: fields[name] for name in _PLAIN},
    )
    state.status, state.wanted = Status(state.status), Status(state.wanted)
    whole_number(state.settling, "settling")
    whole_number(state.unwatched, "unwatched")
    return state
