"""Drift of every step: its newest parts against its reference, which is frozen once there are enough parts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from detectors.window import roster
from detectors.window.roster import Columns, StepSettings
from monitor.detection import DRIFT, PREDICTION, WORST_RATIO
from monitor.gate_models.in_force import ModelsInForce
from monitor.instants import from_nanos
from monitor.model import Finding, Status, Window
from monitor.plant.features import image_features
from monitor.plant.plant import Plant
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.store.commit import BatchWrite, commit
from monitor.store.database.database import Store
from monitor.store.watching.board import status_changes, trend_findings
from monitor.windows import parts as windows
from monitor.windows.drift import Pair, State, StepWindows


class DriftJob:
    """Runs the detectors of `detectors.window.roster` on every step at each slot; a step without a new part keeps its
    findings.
    """

    name = "drift"
    scope = WHOLE_PLANT

    def __init__(self, store: Store, plant: Plant, models: ModelsInForce) -> None:
        self._store = store
        self._plant = plant
        chosen = StepSettings(plant.spc.asked())
        self._detectors = tuple((listed.columns, listed.make(chosen)) for listed in roster.STEP_DETECTORS)
        self._windows = StepWindows(store, plant, models)
        self._image_features = image_features(plant)
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
        """Judge every step with new parts, and commit all findings together."""
        board: list[Finding] = []
        judged: dict[str, State] = {}
        rows = 0
        for step in self._plant.steps:
            state = self._windows.state(step, run.lease, run.now)
            if state is None or self._judged.get(step) == state:
                continue
            pair = self._windows.pair(step, run.lease, run.now, run.beat)
            board += self._judge(pair)
            judged[step] = state
            rows += len(pair.current)
            run.beat()
        if board:
            self._commit(board, run)
        self._judged |= judged
        return Result(rows)

    def _commit(self, board: Sequence[Finding], run: Run) -> None:
        write = BatchWrite(self.name, "", "", run.now)
        with self._store.read() as connection:
            write.findings = list(status_changes(connection, board))
        write.board, write.trends = list(board), trend_findings(board)
        commit(self._store, run.lease, write)

    def _judge(self, pair: Pair) -> Sequence[Finding]:
        if pair.reference is None:
            return [_no_reference(pair.current)]
        reference, current = pair.reference.window, pair.current
        findings: list[Finding] = []
        for columns, detector in self._detectors:
            names = self._names(columns, current)
            if names:
                findings += detector.judge(
                    windows.select_columns(reference, names), windows.select_columns(current, names)
                )
        return findings

    def _names(self, columns: Columns, window: Window) -> list[str]:
        """The window's columns for a detector."""
        if columns is Columns.ALL:
            return list(window.names)
        images = self._image_features | (window.partial - {PREDICTION})
        return [name for name in window.names if (name in images) is (columns is Columns.IMAGES)]


def _no_reference(current: Window) -> Finding:
    """CANNOT_JUDGE for a step that has too few parts for a reference."""
    at = from_nanos(int(current.at.max()))
    return Finding(DRIFT, WORST_RATIO, current.subject, "", at, Status.CANNOT_JUDGE, None, None, step=current.step)
