"""The values that cross folder borders. All are frozen; times are aware UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitor.pictures import Picture

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Pictures = Mapping[int, Mapping[str, Picture]]
"""The pictures of rows, by the position of the row and the name of the value that holds an image."""
JsonObject = Mapping[str, Any]
"""A parsed JSON object, whose keys are known where it is read."""

RowKey = tuple[object, ...]
"""What identifies a row of a source: its serial, step, visit, machine, sensor; times in microseconds since 1970."""

LARGEST_NUMBER = 1e100
"""The largest magnitude of a value that is accepted: sums of squares of larger ones overflow."""

USED, REWORKED, SCRAPPED = "used", "reworked", "scrapped"
"""The dispositions whose meaning is known: people let a part go on, changed it, or threw it away."""

WATCHDOG = "Watchdog"
"""The alert that always fires, to show that alerting works. Lists of problems leave it out."""
DRILL = "Drill"
"""The alert of a drill; its subject is the team that is told."""
DRILL_LINE = "-drill"
"""The line of a drill's alert, so that it is an incident of its own. No line of a plant begins with '-'."""


class Verdict(StrEnum):
    """What a gate recommends. A hold is no recommendation: the step's own procedure applies."""

    CONTINUE = "continue"
    CORRECT = "correct"
    SCRAP = "scrap"
    HOLD = "hold"


class Reason(StrEnum):
    """Why a gate decided as it did. The first five belong to a recommendation, the others to a hold."""

    IN_SPEC = "in_spec"
    REWORKABLE = "reworkable"
    ADJUSTABLE = "adjustable"
    OUT_OF_SPEC = "out_of_spec"
    FORECAST = "forecast"
    UNCERTAIN = "uncertain"
    NO_MODEL = "no_model"
    BAD_MODEL = "bad_model"
    INCOMPLETE_INPUT = "incomplete_input"
    OUT_OF_DISTRIBUTION = "out_of_distribution"
    NO_SKILL = "no_skill"
    NOT_CALIBRATED = "not_calibrated"
    SCRAP_UNCONFIRMED = "scrap_unconfirmed"
    SCRAP_SURGE = "scrap_surge"
    TIMEOUT = "timeout"


FOUND_SCRAP = (Reason.OUT_OF_SPEC, Reason.SCRAP_UNCONFIRMED, Reason.SCRAP_SURGE)
"""The reasons of decisions whose finding is a scrap, whether or not it was recommended."""


class Status(StrEnum):
    """A detector's verdict on its subject. NO_DATA and CANNOT_JUDGE never count as OK."""

    OK = "ok"
    BREACH = "breach"
    NO_DATA = "no_data"
    CANNOT_JUDGE = "cannot_judge"


class RetrainingState(StrEnum):
    """The state of a request to retrain; the last four are final."""

    REQUESTED = "requested"
    QUEUED = "queued"
    TRAINING = "training"
    PROMOTED = "promoted"
    REFUSED = "refused"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"


class RetrainingReason(StrEnum):
    """Why a request is in its state: the decision on it, the comparison, or an event in between."""

    REQUESTED = "requested"
    START = "start"
    NOT_FIRING = "not_firing"
    DISABLED = "disabled"
    NO_CHAMPION = "no_champion"
    ALREADY_RUNNING = "already_running"
    COOLING_DOWN = "cooling_down"
    DAILY_LIMIT = "daily_limit"
    TOO_FEW_NEW_OUTCOMES = "too_few_new_outcomes"
    CHAMPION_HOLDS = "champion_holds"
    BETTER = "better"
    NOT_BETTER = "not_better"
    INTERVALS_FAIL = "intervals_fail"
    WORSE_IN_A_SLICE = "worse_in_a_slice"
    WORSE_THAN_FORECAST = "worse_than_forecast"
    TOO_FEW_ROWS = "too_few_rows"
    TOO_FEW_LOTS = "too_few_lots"
    CHAMPION_CHANGED = "champion_changed"
    CHAMPION_UNUSABLE = "champion_unusable"
    GATE_REMOVED = "gate_removed"
    TRAINING_FAILED = "training_failed"
    BY_A_PERSON = "by_a_person"


class MachineState(StrEnum):
    """What a machine is doing; UNKNOWN until a state is reported."""

    RUN = "run"
    IDLE = "idle"
    SETUP = "setup"
    DOWN = "down"
    UNKNOWN = "unknown"


STANDING = frozenset({MachineState.IDLE, MachineState.SETUP, MachineState.DOWN})
"""The states in which a machine does not run; its detectors do not judge it then."""


@dataclass(frozen=True, slots=True)
class PartKey:
    """One passage of one part through one step."""

    serial: str
    step: str
    visit: int


@dataclass(frozen=True, slots=True)
class Spec:
    """The specification of a characteristic. Limits are inclusive, None where there is none."""

    lower: float | None
    upper: float | None
    target: float | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class ClassSpec:
    """What the classes of a characteristic mean, in the order of their numbers; a model counts them from 0 on.

    `values` are the numbers by which outcomes name them, ascending. `certainty`: the probability of one meaning from
    which a gate decides by it.
    """

    names: tuple[str, ...]
    values: tuple[int, ...]
    meanings: tuple[Verdict, ...]
    certainty: float

    def index(self, value: float | None) -> int | None:
        """The place of the class that an outcome names; None where it names none."""
        return next((place for place, known in enumerate(self.values) if known == value), None)

    def places(self, values: Sequence[float] | Floats) -> NDArray[np.intp]:
        """The places of the classes that outcomes name, each of which names one."""
        return np.searchsorted(self.values, values)

    @property
    def good(self) -> tuple[bool, ...]:
        """Which classes are those of a part that goes on as it is."""
        return tuple(meaning is Verdict.CONTINUE for meaning in self.meanings)


@dataclass(frozen=True, slots=True)
class ReworkBand:
    """How far beyond each spec limit, in the characteristic's unit, a part can still be corrected (>= 0)."""

    below: float = 0.0
    above: float = 0.0


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's prediction for one part: value, interval, and the input's distance from the training data.

    Of a model of classes, `probabilities` has that of each class in its order, and the value is the probability that
    the part is not of the good class (without one, not of the likeliest). Of a model of pictures that says so,
    `coordinates` has where the picture lies among those of training (`inference.vision.embedding`).
    """

    value: float
    lower: float
    upper: float
    distance: float
    distance_limit: float
    probabilities: tuple[float, ...] = ()
    coordinates: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """A variable of a later step, as step.feature, that is to be set otherwise than planned; in the variable's unit."""

    variable: str
    plan: float
    to: float


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What is to be set otherwise at later steps, and what the gate's model then says of the part.

    `value`, `lower` and `upper` in the characteristic's unit; `probability` that of being within specification.
    """

    moves: tuple[Move, ...]
    value: float
    lower: float
    upper: float
    probability: float

    @property
    def name(self) -> str:
        """The variables, as the correction is called."""
        return " + ".join(move.variable for move in self.moves)

    def record(self) -> JsonObject:
        """As JSON."""
        return {
            "moves": [{"variable": move.variable, "plan": move.plan, "to": move.to} for move in self.moves],
            "predicted": self.value, "lower": self.lower, "upper": self.upper, "probability": self.probability,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Action:
    """What may be recommended, and its expected cost; `correction` names which one, else it is empty.

    `probability`: that the part is within specification then, as far as that can be said. `adjustment`: of a correction
    that sets something otherwise at later steps.
    """

    verdict: Verdict
    correction: str
    cost: float
    probability: float | None = None
    adjustment: Adjustment | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with its reason; of a gate that decides by cost with every action, the least expected cost first."""

    verdict: Verdict
    reason: Reason
    actions: tuple[Action, ...] = ()

    @property
    def correction(self) -> str:
        """The correction that is recommended, by name; empty where none is, or the gate has none by name."""
        return self.action.correction if self.action else ""

    def record(self) -> list[JsonObject] | None:
        """Every action as JSON; None of a gate that decides without costs."""
        found: list[JsonObject] = [
            {"action": a.verdict.value, "correction": a.correction, "cost": a.cost}
            | ({} if a.probability is None else {"probability": a.probability})
            for a in self.actions
        ]
        return found or None

    @property
    def adjustment(self) -> Adjustment | None:
        """What is recommended to be set otherwise at later steps; None for any other recommendation."""
        return self.action.adjustment if self.action else None

    @property
    def action(self) -> Action | None:
        """The action that is recommended; None where the gate decides without costs."""
        return next((action for action in self.actions if action.verdict is self.verdict), None)


@dataclass(frozen=True, slots=True)
class MachineBatch:
    """Consecutive accepted samples of one machine, in arrival order.

    `values` has shape (rows, sensors) in the sensors' units, NaN where a value is missing (never infinite);
    `at` holds UTC nanoseconds since the epoch, `states` one MachineState a row, `recipes` one recipe a row
    ('' where unknown). `offset` is the position of the first row in the commit, so that a finding can be
    tied to the arrival number of its row.
    `sampled`, shape (rows, sensors): whether the sensor was due at the row, with a value or without; elsewhere an
    earlier value is held. None: all were due.
    """

    machine: str
    sensors: tuple[str, ...]
    at: NDArray[np.int64]
    values: Floats
    states: Sequence[MachineState]
    recipes: Sequence[str]
    offset: int = 0
    sampled: Mask | None = None

    def __len__(self) -> int:
        return int(self.at.shape[0])


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a detector: a value with its limit.

    `row` is the position in the commit of the row that caused it (-1: no single row).
    `causes` names the sensors or features that caused it, most important first. `step` is the process step of the
    subject, '' if it has none (a source).
    """

    detector: str
    method: str
    subject: str
    feature: str
    at: datetime
    status: Status
    value: float | None
    limit: float | None
    row: int = -1
    causes: tuple[str, ...] = ()
    step: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """Rows of one subject in order of arrival, as a window detector sees them.

    `values` has shape (rows, names), NaN where a value is missing, never infinite; `at` holds UTC nanoseconds since
    the epoch, `arrivals` the store's numbers of the rows, `groups` the slice of each row, such as (machine, recipe),
    `lots` the lot of each row, '' where unknown; both are empty where no row has any. `partial` names the columns that
    only some rows are meant to have: what they lack there is not missing.
    """

    subject: str
    step: str
    names: tuple[str, ...]
    values: Floats
    at: NDArray[np.int64]
    arrivals: NDArray[np.int64]
    groups: tuple[tuple[str, ...], ...] = ()
    lots: tuple[str, ...] = ()
    partial: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return int(self.values.shape[0])


@dataclass(frozen=True, slots=True)
class PartInput:
    """A gate's input for one part: features by name, NaN where missing, and the arrivals of the rows they come from.

    Of a gate that judges pictures `picture` is the one of the part, as a PNG; None where it is missing.
    """

    key: PartKey
    at: datetime
    values: Mapping[str, float]
    arrivals: tuple[int, ...] = field(default=())
    picture: bytes | None = field(default=None)


class RejectReason(StrEnum):
    """Why a row of a source went to quarantine; also the `reason` label of its metric."""

    NOT_A_NUMBER = "not_a_number"
    INFINITE = "infinite"
    UNKNOWN_MACHINE = "unknown_machine"
    UNKNOWN_STEP = "unknown_step"
    UNKNOWN_SENSOR = "unknown_sensor"
    UNKNOWN_STATE = "unknown_state"
    NO_KEY = "no_key"
    NO_TIME = "no_time"
    IMPOSSIBLE_TIME = "impossible_time"
    AMBIGUOUS_TIME = "ambiguous_time"
    AHEAD_OF_CLOCK = "ahead_of_clock"
    BAD_IMAGE = "bad_image"
    BAD_VECTOR = "bad_vector"
    UNKNOWN_CLASS = "unknown_class"
    CONTRADICTION = "contradiction"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not be read. `key` is the row's key columns as JSON text, `row` the whole row as text.

    `cells` is the row as the source gave it, `column` the column because of which it was refused ('' where it is no
    single one), `index` its position among the rows that were typed.
    """

    reason: RejectReason
    key: str
    at: datetime | None
    row: Mapping[str, str | None]
    cells: Mapping[str, object] = field(default_factory=dict)
    column: str = ""
    index: int = -1


@dataclass(frozen=True, slots=True)
class Page:
    """Typed rows of one source, in the order in which they became available, and the rows that could not be read.

    `frame` has a row for each accepted row (index 0..n-1) with the kind's columns: `at` and `available_at`
    (datetime64[ns, UTC]) always, text as str ('' where the source has none), and
    part_steps: serial, step, visit (Int64, <NA> where the source counts none), machine, recipe, lot;
    readings: machine, recipe; machine_states: machine, state; outcomes: serial, value (float64);
    dispositions: serial, step, disposition.
    `values` has shape (n, len(names)): the features or sensors, NaN where missing, never infinite.
    `position` is where the next page starts (rows at it were all read), `more` whether there is one now,
    `read` how many rows of the source this page took. `hidden`: by accepted row, why cells of it could not be read;
    they are missing there. `pictures`: by accepted row, those that a gate judges.
    """

    frame: pd.DataFrame
    names: tuple[str, ...]
    values: Floats
    rejects: tuple[Reject, ...]
    position: datetime | None
    more: bool
    read: int
    hidden: Mapping[int, Sequence[RejectReason]] = field(default_factory=dict)
    pictures: Pictures = field(default_factory=dict)

    def at(self, rows: Sequence[int]) -> Page:
        """The page with these of its accepted rows, in ascending order."""
        place = {before: new for new, before in enumerate(rows)}
        frame = self.frame.iloc[list(rows)].reset_index(drop=True)
        hidden = {place[row]: reasons for row, reasons in self.hidden.items() if row in place}
        pictures = {place[row]: kept for row, kept in self.pictures.items() if row in place}
        return replace(self, frame=frame, values=self.values[list(rows)], hidden=hidden, pictures=pictures)
