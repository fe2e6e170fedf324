"""An online anomaly score for each machine over all its sensors: scores first, then learns the normal rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from detectors.shared.rows import columns, running
from detectors.shared.state import require, require_version
from detectors.stream.anomaly_state import SAVED, AnomalyState, drop, dump, load
from detectors.stream.baseline import Baseline, Scored, Settings, fit
from detectors.stream.patience import Patience, set_status
from detectors.stream.shared_baseline import SharedBaseline, new_shared, usable_rows
from monitor.detection import ANOMALY, HST_MEWMA, UNWATCHED
from monitor.instants import EPOCH, from_nanos
from monitor.model import Finding, Floats, MachineBatch, Status
from monitor.ports import State

VERSION = 3
SHARED: Final = None
"""The key of the baseline that recipes without one of their own borrow."""
_WARM_UPS = 3
"""Warm-ups in which a machine that runs should have a baseline, whatever its recipes."""


class MachineAnomaly:
    """Judges a machine by all its sensors together, compared with the rows of its warm-up.

    The score is the highest of four charts: SHIFT, the Mahalanobis distance of exponentially smoothed sensors
    (MEWMA, Lowry et al., Technometrics 1992), for small lasting shifts; SPREAD, the smoothed distance of single rows,
    for higher variance; ODD, the sensor that the others predict worst, for a sensor that no longer moves with them;
    RARITY, river's half-space trees, for rare combinations. The unit of the score is the standard deviation of the
    maxima of healthy blocks, its limit the prediction bound of `calibrate`; a row above the limit is anomalous.

    There is a baseline for each (machine, recipe), learnt over `Settings.warmup_rows` rows. Meanwhile the recipe
    borrows the machine's (see `SharedBaseline`), so that recipes named after orders are judged, too; CANNOT_JUDGE until
    there is one. Anomalous rows are not learnt. Drawbacks: a change slow enough to stay below the limit is learnt as
    normal within about `Settings.memory_rows` rows and is left to the drift detectors; a lasting change is in breach
    until `Patience.release_rows`, a recipe unlike all others until it has its own baseline. Rows of a stopped machine
    are skipped, and so are the first `Patience.settle_rows` after a start or a changeover from or to a known recipe;
    the status is kept meanwhile. Such a changeover resets the smoothed values of its baseline, which date from the last
    run of that recipe.
    The feature of its findings is '': the machine as a whole. The finding of method `unwatched` is current only, never
    a change: how many rows were compared with nothing.
    """

    name = ANOMALY
    method = HST_MEWMA

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

    def start(self) -> AnomalyState:
        """The state before the first row."""
        return AnomalyState(self.machine, shared=new_shared(len(self.sensors)))

    def observe(self, state: AnomalyState, batch: MachineBatch) -> tuple[AnomalyState, Sequence[Finding]]:
        """Judge the rows in order; returns the state (changed in place) and a finding for each change of status."""
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
        """The latest score, its limit and the machine's status; and the rows that nothing was compared with."""
        latest = self._finding(state, -1)
        allowed = _WARM_UPS * self.settings.fitting_rows
        status = Status.CANNOT_JUDGE if state.unwatched > allowed else Status.OK
        status = Status.NO_DATA if state.at is None else status
        unwatched = replace(
            latest, method=UNWATCHED, status=status, value=float(state.unwatched), limit=float(allowed), causes=()
        )
        return latest, unwatched

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
        state.baselines[recipe] = state.baselines.pop(recipe, np.empty((0, len(self.sensors))))
        if len(state.baselines) > self.patience.recipes:
            oldest = next(iter(state.baselines))
            del state.baselines[oldest]
            state.excess.pop(oldest, None)

    def _advance(
        self,
        state: AnomalyState,
        recipe: str,
        values: Floats,
        batch: MachineBatch,
        span: tuple[int, int],
        findings: list[Finding],
    ) -> int:
        """Judge the rows of the span up to the next update of the baseline; returns the row after them."""
        start, stop = span
        baseline = state.baselines[recipe]
        if isinstance(baseline, Baseline):
            state.borrowing, learning = False, None
            stop = min(stop, start + baseline.room)
            steps = self._judge(state, recipe, baseline, values[start:stop])
        else:
            own_room = self.settings.fitting_rows - len(baseline)
            stop = min(stop, start + own_room, start + state.shared.room(self.settings))
            learning = state.shared if state.shared.baseline is None else None
            steps = self._borrow(state, values[start:stop])
        row = start
        for index, changed in steps:
            row = start + index
            state.at = int(batch.at[row])
            if changed:
                findings.append(self._finding(state, batch.offset + row))
        if not isinstance(baseline, Baseline):
            self._warm_up(state, recipe, baseline, values[start : row + 1], learning)
        return row + 1

    def _borrow(self, state: AnomalyState, values: Floats) -> Iterator[tuple[int, bool]]:
        """Judge rows of a recipe without a baseline by the machine's, if it has one; yields as `_judge` does."""
        shared = state.shared.baseline
        if shared is not None:
            if not state.borrowing:
                shared.reset()
            state.borrowing = True
            yield from self._judge(state, SHARED, shared, values)
            return
        state.value, state.limit, state.causes = None, None, ()
        for row, enough in enumerate(usable_rows(values).tolist()):
            state.unwatched += 1
            yield row, self.patience.count(state, Status.CANNOT_JUDGE if enough else Status.NO_DATA)

    def _warm_up(
        self, state: AnomalyState, recipe: str, collected: Floats, values: Floats, shared: SharedBaseline | None
    ) -> None:
        """Collect rows of a recipe for its own baseline, and for the machine's if they were not judged by it."""
        usable = values[usable_rows(values)]
        collected = np.concatenate([collected, usable])
        full = len(collected) == self.settings.fitting_rows
        state.baselines[recipe] = fit(collected, self._least_scale, self.settings) if full else collected
        if shared is not None:
            shared.collect(recipe, usable, self._least_scale, self.settings)

    def _judge(
        self, state: AnomalyState, recipe: str | None, baseline: Baseline, values: Floats
    ) -> Iterator[tuple[int, bool]]:
        """Score the rows, then learn the normal ones; stops at a row that releases the baseline.

        Yields rows with whether the status changed; only the last row where nothing can change.
        """
        usable, limit = baseline.usable(values), baseline.limit
        scored = baseline.score(values[usable])
        anomalous = scored.scores > limit
        if self._steady(state, recipe) and usable.all() and not anomalous.any():
            state.run = state.blind = 0
            state.unwatched = max(state.unwatched - len(values), 0)
            state.value, state.limit = float(scored.scores[-1]), limit
            baseline.learn(scored, ~anomalous)
            yield len(values) - 1, False
            return
        judged = 0
        for row, enough in enumerate(usable.tolist()):
            state.unwatched = max(state.unwatched + (-1 if enough else 1), 0)
            if not enough:
                yield row, self.patience.count(state, Status.NO_DATA)
                continue
            state.value, state.limit = float(scored.scores[judged]), limit
            changed = self.patience.count(state, Status.BREACH if anomalous[judged] else Status.OK)
            if changed:
                state.causes = self._causes(state, baseline, scored, judged)
            yield row, changed
            if self._released(state, recipe, bool(anomalous[judged])):
                return
            judged += 1
        baseline.learn(scored, ~anomalous)

    def _steady(self, state: AnomalyState, recipe: str | None) -> bool:
        return state.status is Status.OK and state.wanted is Status.OK and recipe not in state.excess

    def _released(self, state: AnomalyState, recipe: str | None, anomalous: bool) -> bool:
        """Count the row; whether the baseline was dropped with it."""
        excess = state.excess.pop(recipe, 0) + (1 if anomalous else -1)
        if excess >= self.patience.release_rows:
            if recipe is SHARED:
                state.shared = new_shared(len(self.sensors))
            else:
                state.baselines[recipe] = np.empty((0, len(self.sensors)))
            return True
        if excess > 0:
            state.excess[recipe] = excess
        return False

    def _causes(self, state: AnomalyState, baseline: Baseline, scored: Scored, row: int) -> tuple[str, ...]:
        if state.status is not Status.BREACH:
            return ()
        return tuple(self.sensors[sensor] for sensor in baseline.causes(scored, row))

    def recipes(self, state: AnomalyState) -> Sequence[str]:
        """The recipes with a baseline, or with rows of its warm-up."""
        return tuple(name for name, learnt in state.baselines.items() if isinstance(learnt, Baseline) or len(learnt))

    def forget(self, state: AnomalyState, recipe: str | None) -> tuple[AnomalyState, Sequence[Finding]]:
        """Begin the warm-up of a recipe again (None: of all, and of the machine's own baseline).

        What its status said by a dropped baseline no longer holds: CANNOT_JUDGE.
        """
        if not drop(state, recipe, len(self.sensors)) or state.status not in (Status.OK, Status.BREACH):
            return state, ()
        state.value, state.limit, state.causes = None, None, ()
        set_status(state, Status.CANNOT_JUDGE)
        return state, (self._finding(state, -1),)

    def _finding(self, state: AnomalyState, row: int) -> Finding:
        return Finding(
            detector=self.name,
            method=self.method,
            subject=state.machine,
            feature="",
            at=EPOCH if state.at is None else from_nanos(state.at),
            status=state.status,
            value=state.value,
            limit=state.limit,
            row=row,
            causes=state.causes,
        )

    def save(self, state: AnomalyState) -> State:
        """The state as JSON values; arrays as text."""
        return {"version": VERSION, "identity": self._identity, **dump(state)}

    def restore(self, saved: State) -> AnomalyState:
        """The state that `save` returned; ValueError for another version, other sensors or an incomplete state."""
        require_version(saved, self.name, VERSION, self._identity)
        fields = require(saved, self.name, ("version", "identity", *SAVED))
        try:
            return load(fields, self.settings, len(self.sensors))
        except (TypeError, AttributeError) as exc:
            raise ValueError(f"the saved state of {self.name} is damaged; rebuild it from history") from exc

    @property
    def _identity(self) -> str:
        """What must be unchanged for a saved state to be usable: the sensors in order and the settings."""
        return f"{','.join(self.sensors)};{self.settings};{self.patience.settle_rows}"


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
