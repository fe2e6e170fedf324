"""The state of a machine's score, and its JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from detectors.shared.state import pack, require, unpack, whole_number
from detectors.stream.baseline import Baseline
from detectors.stream.change_status import ChangeStatus, load_change
from detectors.stream.patience import Verdict
from detectors.stream.reservoir import WarmUp
from detectors.stream.shared_baseline import SharedBaseline, load_learnt, load_shared, new_shared
from detectors.stream.wearing import Wearing, load_wearing, save_wearing
from monitor.model import Floats, Status


@dataclass(slots=True)
class AnomalyState:
    """The state of one machine: its baselines by recipe, or the rows of their warm-ups, and three statuses.

    `flag`, `page`: by the limit that flags rows, and by the one that calls a person; `change`: by change points.
    `shared`: the machine's own baseline, for recipes without one; `borrowing`: whether it judged the last row;
    `unwatched`: by how much the rows of the running machine that were compared with nothing outnumber the others.
    `stood`: whether the machine was stopped at the last row; `recipe`: the last one that ran; `settling`: rows still
    to be skipped; `at`: time of the last row (ns); `value`: its score; `causes`: the sensors that contributed most.
    `contributions`, shape (sensors,): what each contributed, NaN where it is not judged; None without a score.
    `wearing`: the trends of the sensors with operating limits.
    """

    machine: str
    wearing: Wearing
    baselines: dict[str, Baseline | WarmUp] = field(default_factory=dict)
    shared: SharedBaseline = field(default_factory=lambda: new_shared(0))
    flag: Verdict = field(default_factory=Verdict)
    page: Verdict = field(default_factory=Verdict)
    change: ChangeStatus = field(default_factory=ChangeStatus)
    borrowing: bool = False
    unwatched: int = 0
    stood: bool = False
    recipe: str | None = None
    settling: int = 0
    at: int | None = None
    value: float | None = None
    causes: tuple[str, ...] = ()
    contributions: Floats | None = None

    def clear(self) -> None:
        """Without a score: there is nothing to compare with."""
        self.value, self.causes, self.contributions = None, (), None


def drop(state: AnomalyState, recipe: str | None, width: int) -> bool:
    """Drop the baseline of a recipe (None: all of them, the machine's own too); whether the status is of a dropped one.

    Rows that a recipe gave to the machine's own baseline stay in it: they are a quarter of a warm-up at most.
    """
    if recipe is None:
        state.baselines, state.shared = {}, new_shared(width)
        state.borrowing, state.unwatched = False, 0
        return True
    return state.baselines.pop(recipe, None) is not None and recipe == state.recipe and not state.borrowing


_PLAIN = ("machine", "stood", "recipe", "settling", "at", "value", "borrowing", "unwatched")
SAVED = ("baselines", "shared", "flag", "page", "change", "causes", "contributions", "wearing", *_PLAIN)


def dump(state: AnomalyState) -> dict[str, Any]:
    """The state as JSON values; arrays as text."""
    return {
        "baselines": [[recipe, learnt.save()] for recipe, learnt in state.baselines.items()],
        "shared": state.shared.save(),
        "flag": asdict(state.flag),
        "page": asdict(state.page),
        "change": asdict(state.change),
        "causes": list(state.causes),
        "contributions": None if state.contributions is None else pack(state.contributions),
        "wearing": save_wearing(state.wearing),
        **{name: getattr(state, name) for name in _PLAIN},
    }


def load(fields: Mapping[str, Any], least_scale: Floats, watched: int) -> AnomalyState:
    """The state that was given to `dump`, of so many sensors with operating limits; ValueError, TypeError or
    AttributeError when it is damaged."""
    contributions = fields["contributions"]
    state = AnomalyState(
        baselines={str(recipe): load_learnt(learnt, least_scale) for recipe, learnt in fields["baselines"]},
        shared=load_shared(fields["shared"], least_scale),
        flag=_verdict(fields["flag"]),
        page=_verdict(fields["page"]),
        change=load_change(fields["change"]),
        causes=tuple(str(cause) for cause in fields["causes"]),
        contributions=None if contributions is None else unpack(contributions, (len(least_scale),)),
        wearing=load_wearing(fields["wearing"], watched),
        **{name: fields[name] for name in _PLAIN},
    )
    whole_number(state.settling, "settling")
    whole_number(state.unwatched, "unwatched")
    return state


def _verdict(saved: object) -> Verdict:
    given = require(saved, "a status", ("status", "wanted", "run", "blind"))
    counts = (whole_number(given[name], name) for name in ("run", "blind"))
    return Verdict(Status(given["status"]), Status(given["wanted"]), *counts)
