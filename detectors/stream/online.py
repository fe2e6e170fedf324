"""An online anomaly score for each machine over all its sensors: scores first, then learns the normal rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from detectors.shared.rows import columns, running
from detectors.shared.state import pack, require, require_version, unpack, whole_number
from detectors.stream.baseline import Baseline, Scored, Settings, fit, load_baseline
from monitor.detection import ANOMALY, HST_MEWMA
from monitor.instants import EPOCH, from_nanos
from monitor.model import Finding, Floats, MachineBatch, Status
from monitor.ports import State

VERSION = 2


@dataclass(frozen=True, slots=True)
class Patience:
    """The number of rows that a change of status takes, consecutive unless stated otherwise. All >= 1.

    `breach_rows` anomalous rows start a breach, `clear_rows` normal ones end it; `blind_rows` rows without enough
    values lead to NO_DATA. When anomalous rows outnumber normal ones by `release_rows`, the baseline is dropped and
    learnt anew: a change that lasts this long is the new normal, and a detector in permanent breach detects nothing.
    `recipes`: baselines kept; the least recently used one is dropped first. `settle_rows` (0 or more): running rows
    after a start or a changeover that are neither judged nor learnt, because the machine has not settled yet.
    """

    breach_rows: int = 5
    clear_rows: int = 20
    blind_rows: int = 10
    release_rows: int = 2000
    recipes: int = 16
    settle_rows: int = 10


@dataclass(slots=True)
class AnomalyState:
    """The state of one machine: its baselines by recipe (an array: the warm-up rows so far) and its status.

    `wanted`: the status that recent rows indicate; `run`: consecutive rows that indicate it instead of `status`;
    `blind`: consecutive rows without enough values; `excess`: by recipe, how far anomalous rows outnumber normal ones.
    `stood`: whether the machine was stopped at the last row; `recipe`: the last one that ran; `settling`: rows still
    to be skipped; `at`: time of the last row (ns).
    """

    machine: str
    baselines: dict[str, Baseline | Floats] = field(default_factory=dict)
    excess: dict[str, int] = field(default_factory=dict)
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


class MachineAnomaly:
    """Judges a machine by all its sensors together, compared with the rows of its warm-up.

    The score is the highest of four charts: SHIFT, the Mahalanobis distance of exponentially smoothed sensors
    (MEWMA, Lowry et al., Technometrics 1992), for small lasting shifts; SPREAD, the smoothed distance of single rows,
    for higher variance; ODD, the sensor that the others predict worst, for a sensor that no longer moves with them;
    RARITY, river's half-space trees, for rare combinations. The unit of the score is the standard deviation of the
    maxima of healthy blocks, its limit the prediction bound of `calibrate`; a row above the limit is anomalous.

    There is a baseline for each (machine, recipe); a new recipe is learnt over `Settings.warmup_rows` rows
    (CANNOT_JUDGE). Anomalous rows are not learnt. Drawbacks: a change slow enough to stay below the limit is learnt
    as normal within about `Settings.memory_rows` rows and is left to the drift detectors; a lasting change is in
    breach until `Patience.release_rows`. Rows of a stopped machine are skipped, and so are the first
    `Patience.settle_rows` after a start or a changeover; the status is kept meanwhile. A changeover to a known recipe
    resets the smoothed values of its baseline, which date from the last run of that recipe.
    The feature of its findings is '': the machine as a whole.
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
        return AnomalyState(self.machine)

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
        """The latest score, its limit and the machine's status."""
        return (self._finding(state, -1),)

    def _select(self, state: AnomalyState, recipe: str, started: bool, start: int, stop: int) -> int:
        """Select the recipe's baseline for a span of rows; returns the first row after settling."""
        changed = state.recipe is not None and recipe != state.recipe
        self._touch(state, recipe)
        baseline = state.baselines[recipe]
        if changed and isinstance(baseline, Baseline):
            baseline.reset()
        if changed or started:
            state.settling = self.patience.settle_rows
        state.recipe = recipe
        passed = min(state.settling, stop - start)
        state.settling -= passed
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
            stop = min(stop, start + baseline.room)
            steps = self._judge(state, recipe, baseline, values[start:stop])
        else:
            stop = min(stop, start + self.settings.fitting_rows - len(baseline))
            steps = self._warm_up(state, recipe, baseline, values[start:stop])
        for index, changed in steps:
            row = start + index
            state.at = int(batch.at[row])
            if changed:
                findings.append(self._finding(state, batch.offset + row))
        return row + 1

    def _warm_up(
        self, state: AnomalyState, recipe: str, collected: Floats, values: Floats
    ) -> Iterator[tuple[int, bool]]:
        """Collect warm-up rows and fit the baseline at the last; yields each row and whether the status changed."""
        usable = 2 * (~np.isnan(values)).sum(axis=1) >= len(self.sensors)
        collected = np.concatenate([collected, values[usable]])
        full = len(collected) == self.settings.fitting_rows
        state.baselines[recipe] = fit(collected, self._least_scale, self.settings) if full else collected
        state.value, state.limit, state.causes = None, None, ()
        for row, enough in enumerate(usable.tolist()):
            yield row, self._count(state, Status.CANNOT_JUDGE if enough else Status.NO_DATA)

    def _judge(
        self, state: AnomalyState, recipe: str, baseline: Baseline, values: Floats
    ) -> Iterator[tuple[int, bool]]:
        """Score the rows, then learn the normal ones; stops at a row that releases the baseline.

        Yields rows with whether the status changed; only the last row where nothing can change.
        """
        usable, limit = baseline.usable(values), baseline.limit
        scored = baseline.score(values[usable])
        anomalous = scored.scores > limit
        if self._steady(state, recipe) and usable.all() and not anomalous.any():
            state.run = state.blind = 0
            state.value, state.limit = float(scored.scores[-1]), limit
            baseline.learn(scored, ~anomalous)
            yield len(values) - 1, False
            return
        judged = 0
        for row, enough in enumerate(usable.tolist()):
            if not enough:
                yield row, self._count(state, Status.NO_DATA)
                continue
            state.value, state.limit = float(scored.scores[judged]), limit
            changed = self._count(state, Status.BREACH if anomalous[judged] else Status.OK)
            if changed:
                state.causes = self._causes(state, baseline, scored, judged)
            yield row, changed
            if self._released(state, recipe, bool(anomalous[judged])):
                return
            judged += 1
        baseline.learn(scored, ~anomalous)

    def _steady(self, state: AnomalyState, recipe: str) -> bool:
        return state.status is Status.OK and state.wanted is Status.OK and recipe not in state.excess

    def _count(self, state: AnomalyState, indicated: Status) -> bool:
        """Count one row towards the status that it indicates; whether the status changed."""
        if indicated is Status.NO_DATA:
            # A row without values neither confirms nor contradicts the rows before it.
            state.blind += 1
            if state.status is Status.NO_DATA or state.blind < self.patience.blind_rows:
                return False
            state.value, state.limit, state.causes = None, None, ()
            return _set_status(state, indicated)
        state.blind = 0
        if indicated is state.status:
            state.wanted, state.run = indicated, 0
            return False
        state.run = state.run + 1 if indicated is state.wanted else 1
        state.wanted = indicated
        return state.run >= self._rows_needed(state.status, indicated) and _set_status(state, indicated)

    def _rows_needed(self, status: Status, indicated: Status) -> int:
        if indicated is Status.CANNOT_JUDGE:
            return 1
        return self.patience.clear_rows if status is Status.BREACH else self.patience.breach_rows

    def _released(self, state: AnomalyState, recipe: str, anomalous: bool) -> bool:
        """Count the row; whether the baseline was dropped with it."""
        excess = state.excess.pop(recipe, 0) + (1 if anomalous else -1)
        if excess >= self.patience.release_rows:
            state.baselines[recipe] = np.empty((0, len(self.sensors)))
            return True
        if excess > 0:
            state.excess[recipe] = excess
        return False

    def _causes(self, state: AnomalyState, baseline: Baseline, scored: Scored, row: int) -> tuple[str, ...]:
        if state.status is not Status.BREACH:
            return ()
        return tuple(self.sensors[sensor] for sensor in baseline.causes(scored, row))

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
        return {
            "version": VERSION,
            "identity": self._identity,
            "baselines": [[recipe, _save(baseline)] for recipe, baseline in state.baselines.items()],
            "excess": dict(state.excess),
            "causes": list(state.causes),
            **{name: getattr(state, name) for name in _PLAIN},
        }

    def restore(self, saved: State) -> AnomalyState:
        """The state that `save` returned; ValueError for another version, other sensors or an incomplete state."""
        require_version(saved, self.name, VERSION, self._identity)
        fields = require(saved, self.name, ("version", "identity", "baselines", "excess", "causes", *_PLAIN))
        try:
            state = AnomalyState(
                baselines={str(recipe): self._load(baseline) for recipe, baseline in fields["baselines"]},
                excess={str(recipe): whole_number(n, "excess") for recipe, n in fields["excess"].items()},
                causes=tuple(str(cause) for cause in fields["causes"]),
                **{name: fields[name] for name in _PLAIN},
            )
            state.status, state.wanted = Status(state.status), Status(state.wanted)
            whole_number(state.settling, "settling")
        except (TypeError, AttributeError) as exc:
            raise ValueError(f"the saved state of {self.name} is damaged; rebuild it from history") from exc
        return state

    def _load(self, saved: Any) -> Baseline | Floats:
        if set(saved) == {"rows", "values"}:
            return unpack(saved["values"], (whole_number(saved["rows"], "rows"), len(self.sensors)))
        return load_baseline(saved, self.settings, len(self.sensors))

    @property
    def _identity(self) -> str:
        """What must be unchanged for a saved state to be usable: the sensors in order and the settings."""
        return f"{','.join(self.sensors)};{self.settings};{self.patience.settle_rows}"


_PLAIN = ("machine", "status", "wanted", "run", "blind", "stood", "recipe", "settling", "at", "value", "limit")


def _save(baseline: Baseline | Floats) -> dict[str, Any]:
    if isinstance(baseline, Baseline):
        return baseline.save()
    return {"rows": len(baseline), "values": pack(baseline)}


def _set_status(state: AnomalyState, status: Status) -> bool:
    state.status = state.wanted = status
    state.run = 0
    return True


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
