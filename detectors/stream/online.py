"""A machine's condition over all its sensors, row by row: scored, then learnt from while the baseline is young."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.condition.changes import Changes
from detectors.condition.levels import PAGE
from detectors.condition.scoring import Scores
from detectors.shared.rows import columns, running
from detectors.shared.state import require, require_version
from detectors.stream.anomaly_state import SAVED, AnomalyState, drop, dump, load
from detectors.stream.baseline import LEAST_WARM_UP, Baseline, Settings, fit, load_baseline
from detectors.stream.change_status import ChangeAt
from detectors.stream.machine_findings import FLAG, current, of_machine, of_time_left
from detectors.stream.patience import Patience
from detectors.stream.reservoir import WarmUp, no_rows
from detectors.stream.shared_baseline import SharedBaseline, new_shared, usable_rows
from detectors.stream.wearing import Told, anew, new_wearing, watch, watched
from monitor.detection import ANOMALY, CHANGE, CONDITION, CONDITION_ALARM
from monitor.model import Finding, Floats, MachineBatch, Status
from monitor.ports import State

VERSION = 6
_WARM_UPS = 3
"""Warm-ups in which a machine that runs should have a baseline, whatever its recipes."""
_METHODS = ((CONDITION, FLAG), (CONDITION_ALARM, PAGE))

_Changed = Sequence[str | Told]
"""Methods whose status of the machine changed, and sensors whose time left did."""


class MachineAnomaly:
    """Judges a machine by all its sensors together, compared with the rows of its warm-up: see `detectors.condition`.

    Two statuses come of one score: by `condition` above `FLAG`, and by `condition_alarm` above `PAGE`, which calls a
    person. A third, `change`, is in breach from a change point on (see `ChangeStatus`) and names the sensor. There is a
    baseline for each (machine, recipe), learnt over `Settings.warmup_rows` rows and again from more (see `Baseline`).
    Meanwhile the recipe borrows the machine's (see `SharedBaseline`), so that recipes named after orders are judged,
    too; CANNOT_JUDGE until there is one. A breach lasts as long as its cause: only `forget` lets a machine learn a new
    normal. Rows of a stopped machine are skipped, and so are the first `Patience.settle_rows` after a start or a
    changeover from or to a known recipe; the status is kept meanwhile. Such a changeover resets the smoothed values of
    its baseline, which date from the last run of that recipe.
    The feature of its findings is '': the machine as a whole. The finding of method `unwatched` is current only, never
    a change: how many rows were compared with nothing. So are those of method `contribution`, one for each sensor.
    By `time_left` each sensor with operating limits is in breach when it will reach one: see `wearing`.
    """

    name = ANOMALY
    method = CONDITION

    def __init__(
        self,
        limits: Mapping[str, tuple[float | None, float | None]],
        settings: Settings | None = None,
        patience: Patience | None = None,
        machine: str = "",
    ) -> None:
        self.sensors = tuple(limits)
        self.settings = settings or Settings()
        self.patience = patience or Patience()
        self.machine = machine
        self._least_scale = np.array([_least_scale(low, high) for low, high in limits.values()])
        self._watched = watched(limits, self.settings.horizon_seconds / 3600.0)

    def start(self) -> AnomalyState:
        """The state before the first row."""
        wearing = new_wearing(len(self._watched.places))
        return AnomalyState(self.machine, wearing, shared=new_shared(len(self.sensors)))

    def observe(self, state: AnomalyState, batch: MachineBatch) -> tuple[AnomalyState, Sequence[Finding]]:
        """Judge the rows in order; returns the state (changed in place) and a finding for each change of a status."""
        if not len(batch):
            return state, ()
        state.machine = batch.machine
        values = columns(batch, self.sensors)
        findings: list[Finding] = []
        for start, stop, recipe, started in _running_spans(batch, state.stood):
            start = self._select(state, recipe, started, start, stop)
            while start < stop:
                start = self._advance(state, recipe, values, batch, (start, stop), findings)
        state.stood = not running(batch.states[-1:])[0]
        return state, tuple(findings)

    def current(self, state: AnomalyState) -> Sequence[Finding]:
        """The latest score by both limits, and what is current only."""
        return tuple(current(state, self.sensors, self._watched, float(_WARM_UPS * self.settings.warmup_rows)))

    def _select(self, state: AnomalyState, recipe: str, started: bool, start: int, stop: int) -> int:
        """Select the recipe's baseline for a span of rows; returns the first row after settling."""
        before, changed = state.recipe, state.recipe is not None and recipe != state.recipe
        known = isinstance(state.baselines.get(before or ""), Baseline) and before is not None
        self._touch(state, recipe)
        baseline = state.baselines[recipe]
        if changed and isinstance(baseline, Baseline):
            baseline.reset()
        # Between recipes that both borrow, a changeover is part of what the machine's baseline has learnt.
        if started or (changed and (known or isinstance(baseline, Baseline))):
            state.settling = self.patience.settle_rows
        state.recipe = recipe
        passed = min(state.settling, stop - start)
        state.settling -= passed
        state.unwatched += passed
        return start + passed

    def _touch(self, state: AnomalyState, recipe: str) -> None:
        """Move the recipe's baseline to the end of the map, which is ordered by last use, and drop the oldest."""
        state.baselines[recipe] = state.baselines.pop(recipe, no_rows(len(self.sensors)))
        if len(state.baselines) > self.patience.recipes:
            del state.baselines[next(iter(state.baselines))]

    def _advance(
        self,
        state: AnomalyState,
        recipe: str,
        values: Floats,
        batch: MachineBatch,
        span: tuple[int, int],
        findings: list[Finding],
    ) -> int:
        """Judge the rows of the span up to the next change of a baseline; returns the row after them."""
        start, stop = span
        baseline = state.baselines[recipe]
        if isinstance(baseline, Baseline):
            state.borrowing, learning = False, None
            stop = min(stop, start + baseline.room)
            steps = self._judge(state, baseline, values[start:stop], batch.at[start:stop])
        else:
            stop = min(stop, start + self._warm_up_room(baseline, batch.at[start:stop]))
            stop = min(stop, start + state.shared.room(self.settings))
            learning = state.shared if state.shared.baseline is None else None
            steps = self._borrow(state, values[start:stop], batch.at[start:stop])
        for index, changed in steps:
            state.at = int(batch.at[start + index])
            findings.extend(self._finding(state, what, batch.offset + start + index) for what in changed)
        if not isinstance(baseline, Baseline):
            self._warm_up(state, recipe, baseline, values[start:stop], batch.at[start:stop], learning)
        return stop

    def _warm_up_room(self, collected: WarmUp, at: NDArray[np.int64]) -> int:
        """How many of the rows at these times may be taken before the warm-up might be over; 1 at least."""
        room = self.settings.warmup_rows - len(collected)
        begun = int(collected.at[0]) if len(collected) else int(at[0])
        ends = [begun + round(self.settings.warmup_seconds * 1e9)]
        if self.settings.reference is not None:
            ends.append(self.settings.reference[1] + 1)
        ahead = [int(np.searchsorted(at, end)) for end in ends]
        return min(room, *(max(over, 1) for over in ahead))

    def _borrow(self, state: AnomalyState, values: Floats, at: NDArray[np.int64]) -> Iterator[tuple[int, _Changed]]:
        """Judge rows of a recipe without a baseline by the machine's, if it has one; yields as `_judge` does."""
        shared = state.shared.baseline
        if shared is not None:
            if not state.borrowing:
                shared.reset()
            state.borrowing = True
            yield from self._judge(state, shared, values, at)
            return
        state.clear()
        for row, enough in enumerate(usable_rows(values).tolist()):
            state.unwatched += 1
            indicated = Status.CANNOT_JUDGE if enough else Status.NO_DATA
            yield row, self._count(state, (indicated, indicated), None)

    def _warm_up(
        self,
        state: AnomalyState,
        recipe: str,
        collected: WarmUp,
        values: Floats,
        at: NDArray[np.int64],
        shared: SharedBaseline | None,
    ) -> None:
        """Collect rows of a recipe for its own baseline, and for the machine's if they were not judged by it."""
        usable = usable_rows(values) & self.settings.learnable(at)
        collected = collected.with_rows(values[usable], at[usable])
        enough = self._enough(collected, int(at[-1]))
        state.baselines[recipe] = fit(collected, self._least_scale, self.settings) if enough else collected
        if shared is not None:
            shared.collect(recipe, WarmUp(values[usable], at[usable]), self._least_scale, self.settings)
        if enough:
            state.shared.release(recipe)

    def _enough(self, collected: WarmUp, now: int) -> bool:
        """Whether the warm-up is over at this time."""
        if not LEAST_WARM_UP <= len(collected) < self.settings.warmup_rows:
            return len(collected) >= LEAST_WARM_UP
        if self.settings.reference is not None and now > self.settings.reference[1]:
            return True
        return int(collected.at[-1] - collected.at[0]) >= self.settings.warmup_seconds * 1e9

    def _judge(
        self, state: AnomalyState, baseline: Baseline, values: Floats, at: NDArray[np.int64]
    ) -> Iterator[tuple[int, _Changed]]:
        """Score the rows, then learn the normal ones.

        Yields rows with what changed; beside these only the last row where nothing can change.
        """
        usable = baseline.usable(values)
        scored, changes = baseline.score(values[usable])
        scores = scored.scores
        flagged, paged = scores > FLAG, scores > PAGE
        told = self._wear(state, baseline, scored, at, usable)
        if usable.all() and self._steady(state, flagged, paged) and state.change.steady(changes):
            state.flag.blind = state.page.blind = 0
            state.unwatched = max(state.unwatched - len(values), 0)
            state.value = float(scores[-1])
            yield from ((row, told.get(row, ())) for row in sorted({*told, len(values) - 1}))
        else:
            for row, changed in self._row_by_row(state, baseline, usable, scored, changes):
                yield row, (*changed, *told.get(row, ()))
        if state.value is not None and len(scores):
            state.contributions = baseline.contributions(scored, len(scores) - 1)
        baseline.learn(values[usable][~flagged & self.settings.learnable(at)[usable]], int(at[-1]))

    def _wear(
        self, state: AnomalyState, baseline: Baseline, scored: Scores, at: NDArray[np.int64], usable: NDArray[np.bool_]
    ) -> dict[int, list[Told]]:
        """Follow the trends of the sensors; the changes of their statuses by row. A borrowed baseline knows no level
        from which this recipe could have moved."""
        told: dict[int, list[Told]] = {}
        if state.borrowing:
            return told
        interval = self.settings.false_alarm_seconds / baseline.reference.settings.false_alarm_rows
        rows = np.flatnonzero(usable)
        for change in watch(state.wearing, self._watched, baseline, scored.rows, at[usable], interval):
            told.setdefault(int(rows[change.row]), []).append(change)
        return told

    def _steady(self, state: AnomalyState, flagged: NDArray[np.bool_], paged: NDArray[np.bool_]) -> bool:
        """Whether rows with these verdicts leave both statuses as they are."""
        return all(
            (not hits.any() and verdict.keeps(Status.OK)) or (hits.all() and verdict.keeps(Status.BREACH))
            for hits, verdict in ((flagged, state.flag), (paged, state.page))
        )

    def _row_by_row(
        self, state: AnomalyState, baseline: Baseline, usable: NDArray[np.bool_], scored: Scores, changes: Changes
    ) -> Iterator[tuple[int, Sequence[str]]]:
        """Count each row towards all statuses; yields as `_judge` does."""
        judged, scores = 0, scored.scores.tolist()
        names = [self.sensors[sensor] for sensor in np.flatnonzero(baseline.judged)]
        for row, enough in enumerate(usable.tolist()):
            state.unwatched = max(state.unwatched + (-1 if enough else 1), 0)
            if not enough:
                yield row, self._count(state, (Status.NO_DATA, Status.NO_DATA), None)
                continue
            state.value = scores[judged]
            indicated = [Status.BREACH if state.value > limit else Status.OK for _, limit in _METHODS]
            at = ChangeAt(float(changes.ratio[judged]), bool(changes.points[judged]), names[changes.sensors[judged]])
            changed = self._count(state, (indicated[0], indicated[1]), at)
            if set(changed) - {CHANGE}:
                breach = Status.BREACH in (state.flag.status, state.page.status)
                causes = baseline.causes(scored, judged).tolist() if breach else ()
                state.causes = tuple(self.sensors[sensor] for sensor in causes)
            yield row, changed
            judged += 1

    def _count(self, state: AnomalyState, indicated: tuple[Status, Status], at: ChangeAt | None) -> Sequence[str]:
        """Count one row towards the statuses it indicates; the methods whose status changed. `at`: of a judged row."""
        verdicts = (state.flag, state.page)
        changed = tuple(
            method
            for (method, _), verdict, status in zip(_METHODS, verdicts, indicated, strict=True)
            if self.patience.count(verdict, status)
        )
        if changed and state.flag.status is Status.NO_DATA:
            state.clear()
        return (*changed, CHANGE) if state.change.count(state.flag.status, at) else changed

    def lacks_baseline(self, state: AnomalyState) -> bool:
        """Whether there is nothing to compare with, of no recipe."""
        learnt = (state.shared.learnt, *state.baselines.values())
        return not any(isinstance(one, Baseline) for one in learnt)

    def lend(self, state: AnomalyState, recipe: str, before: int) -> tuple[int, State] | None:
        """The baseline of a recipe, else of the machine, that was frozen before an instant (ns), and since when."""
        for learnt in (state.baselines.get(recipe), state.shared.baseline):
            if isinstance(learnt, Baseline) and learnt.frozen_at is not None and learnt.frozen_at < before:
                return learnt.frozen_at, learnt.save()
        return None

    def borrow(self, state: AnomalyState, lent: State) -> AnomalyState:
        """Take what a sister lent as the machine's own baseline, for recipes without one; ValueError if damaged."""
        baseline = load_baseline(lent, self._least_scale)
        baseline.reset()
        state.shared = SharedBaseline(baseline)
        return state

    def recipes(self, state: AnomalyState) -> Sequence[str]:
        """The recipes with a baseline, or with rows of its warm-up."""
        return tuple(name for name, learnt in state.baselines.items() if isinstance(learnt, Baseline) or len(learnt))

    def forget(self, state: AnomalyState, recipe: str | None) -> tuple[AnomalyState, Sequence[Finding]]:
        """Begin the warm-up of a recipe again (None: of all, and of the machine's own baseline), and all trends.

        What its status said by a dropped baseline no longer holds: CANNOT_JUDGE.
        """
        found: list[Finding] = []
        judged = state.flag.status in (Status.OK, Status.BREACH)
        trends = recipe is None or isinstance(state.baselines.get(recipe), Baseline)
        if drop(state, recipe, len(self.sensors)) and judged:
            state.clear()
            for verdict in (state.flag, state.page):
                verdict.set(Status.CANNOT_JUDGE)
            state.change.set(Status.CANNOT_JUDGE)
            found += (of_machine(state, method, -1) for method in (CONDITION, CONDITION_ALARM, CHANGE))
        if trends:
            state.wearing, lost = anew(state.wearing)
            found += (self._finding(state, Told(-1, sensor, left), -1) for sensor, left in lost)
        return state, tuple(found)

    def _finding(self, state: AnomalyState, what: str | Told, row: int) -> Finding:
        if isinstance(what, str):
            return of_machine(state, what, row)
        sensor = self.sensors[self._watched.places[what.sensor]]
        return of_time_left(state, sensor, what.left, self._watched.horizon, row)

    def save(self, state: AnomalyState) -> State:
        """The state as JSON values; arrays as text."""
        return {"version": VERSION, "identity": self._identity, **dump(state)}

    def restore(self, saved: State) -> AnomalyState:
        """The state that `save` returned; ValueError for another version, other sensors or an incomplete state."""
        require_version(saved, self.name, VERSION, self._identity)
        fields = require(saved, self.name, ("version", "identity", *SAVED))
        try:
            return load(fields, self._least_scale, len(self._watched.places))
        except (TypeError, AttributeError) as exc:
            raise ValueError(f"the saved state of {self.name} is damaged; rebuild it from history") from exc

    @property
    def _identity(self) -> str:
        """What must be unchanged for a saved state to be usable: the sensors in order, which of them have operating
        limits, and the settings."""
        watched = ",".join(map(str, self._watched.places))
        return f"{','.join(self.sensors)};{watched};{self.settings};{self.patience.settle_rows}"


def _least_scale(low: float | None, high: float | None) -> float:
    """A thousandth of the operating range: the minimum standard deviation of a sensor."""
    return 0.0 if low is None or high is None else (high - low) / 1000


def _running_spans(batch: MachineBatch, stood: bool) -> Iterator[tuple[int, int, str, bool]]:
    """Spans of rows of a running machine with one recipe: first row, row after the last, recipe, whether the machine
    started at the first row. `stood`: whether it was stopped at the row before the batch."""
    judged = running(batch.states)
    recipes = np.asarray(batch.recipes, dtype=object)
    edges = np.flatnonzero((recipes[1:] != recipes[:-1]) | (judged[1:] != judged[:-1])) + 1
    for start, stop in zip([0, *edges.tolist()], [*edges.tolist(), len(batch)], strict=True):
        if judged[start]:
            yield start, stop, str(recipes[start]), bool(not judged[start - 1] if start else stood)
