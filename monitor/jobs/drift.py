"""Drift of every step: its newest parts against its frozen reference, which is frozen by itself when parts suffice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from monitor.gate_models.in_force import ModelsInForce
from monitor.instants import from_nanos
from monitor.model import Finding, Status, Window
from monitor.plant.features import image_features
from monitor.plant.plant import Plant
from monitor.ports import WindowDetector
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.store.commit import BatchWrite, commit
from monitor.store.database.database import Store
from monitor.store.watching.board import changed, worth_keeping
from monitor.windows import parts as windows
from monitor.windows.drift import Pair, State, StepWindows


class DriftJob:
    """Compares windows of all steps at each slot; a step without a new part is left as it is.

    `detectors` judge what was measured and predicted, and what images showed.
    """

    name = "drift"
    scope = WHOLE_PLANT

    def __init__(
        self, store: Store, plant: Plant, detectors: tuple[WindowDetector, WindowDetector], models: ModelsInForce
    ) -> None:
        self._store = store
        self._plant = plant
        self._measures, self._images = detectors
        self._windows = StepWindows(store, plant, models)
        self._pictured = image_features(plant)
        self._judged: dict[str, State] = {}

    @property
    def interval(self) -> timedelta:
        """As the plant file says."""
        return self._plant.drift.every

    def forget(self) -> None:
        """Read the references again, and judge every step again."""
        self._judged.clear()
        self._windows.forget()

    def run(self, run: Run) -> Result:
        """Judge every step with new parts; all findings are one commit."""
        board: list[Finding] = []
        judged: dict[str, State] = {}
        rows = 0
        for step in self._plant.steps:
            state = self._windows.state(step, run.lease, run.now)
            if state is None or self._judged.get(step) == state:
                continue
            pair = self._windows.pair(step, run.lease, run.now)
            board += self._judge(pair)
            judged[step] = state
            rows += len(pair.current)
            run.beat()
        if board:
            self._keep(board, run)
        self._judged |= judged
        return Result(rows)

    def _keep(self, board: Sequence[Finding], run: Run) -> None:
        write = BatchWrite(self.name, "", "", run.now)
        with self._store.read() as connection:
            write.findings = list(changed(connection, board))
        write.board, write.trends = list(board), worth_keeping(board)
        commit(self._store, run.lease, write)

    def _judge(self, pair: Pair) -> Sequence[Finding]:
        if pair.reference is None:
            return [_not_frozen(self._measures.name, pair.current)]
        before, current = pair.reference.window, pair.current
        pictured = [name for name in current.names if name in self._pictured]
        rest = [name for name in current.names if name not in self._pictured]
        found: list[Finding] = []
        for detector, names in ((self._images, pictured), (self._measures, rest)):
            if names:
                found += detector.judge(windows.select_columns(before, names), windows.select_columns(current, names))
        return found


def _not_frozen(detector: str, current: Window) -> Finding:
    at = from_nanos(int(current.at.max()))
    return Finding(detector, "worst_ratio", current.subject, "", at, Status.CANNOT_JUDGE, None, None, step=current.step)
