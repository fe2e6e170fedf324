"""Retraining: an alert on a model asks, a pure decision answers, a challenger must beat the champion on new parts.

A request is one row of the table `retraining` from the asking to the end. Each step of it is committed before the next
begins, so that a killed process goes on where the last one stood: the snapshot is named by the instant and the arrival
number at which it was frozen, training repeats bit for bit, a package that is registered keeps its version, and the
change of the model in force is one transaction with the end of the request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import numpy as np

from alerting.retraining import DAY, Action, Decision, Facts, Past, Policy, Request, decide_retraining
from inference.asking import askable
from inference.comparison import MIN_LOTS, SLICE_ROWS, Holdout, compare
from inference.digest import data_digest
from inference.intervals import intervals_hold
from monitor.errors import ModelError, ModelReason
from monitor.failpoints import reach
from monitor.gate_models.challenge import as_json, flat, trained_at
from monitor.gate_models.in_force import ModelsInForce
from monitor.gate_models.registry import ChallengerRegistry, mirror
from monitor.gate_models.training_child import Trainer
from monitor.gate_models.training_set import TrainingSet, hold_out, training_set
from monitor.model import RetrainingReason as Reason
from monitor.model import RetrainingState as State
from monitor.plant.gates import GateConfig
from monitor.plant.plant import Plant
from monitor.ports import GateModel
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.statuses import VersionStatus
from monitor.store.database.database import Connection, Store
from monitor.store.database.leases import prove
from monitor.store.models import retraining as requests
from monitor.store.models import versions
from monitor.store.models.retraining import RetrainingRequest
from monitor.store.models.versions import ModelInForce, Version
from monitor.store.rows.outcomes import count_new_outcomes
from monitor.store.rows.readings import last_arrival
from monitor.store.watching.alerts import Alert, firing_breaches

log = logging.getLogger(__name__)

CAUSES = ("ModelDegraded", "ModelWithoutSkill")
"""Alerts whose subject is a gate that a better model could heal."""
_SEED = 1  # of the comparison's resamples


class RetrainingJob:
    """Looks at firing alerts and open requests, and serves one request at a time over the plant."""

    name = "retraining"
    scope = WHOLE_PLANT

    def __init__(
        self,
        store: Store,
        plant: Plant,
        models: ModelsInForce,
        load: Callable[[str, str], GateModel],
        registry: ChallengerRegistry,
        trainer: Trainer,
        simulated: bool,
    ) -> None:
        self._store = store
        self._plant = plant
        self._models = models
        self._load = load
        self._registry = registry
        self._trainer = trainer
        self._simulated = simulated

    @property
    def interval(self) -> timedelta:
        """As the plant file says."""
        return self._plant.jobs.retraining

    def forget(self) -> None:
        """Nothing is kept between runs."""

    def run(self, run: Run) -> Result:
        """Ask for what the alerts ask for, then decide on and serve the open requests, oldest first."""
        with self._store.read() as connection:
            alerts = [a for a in firing_breaches(connection, CAUSES) if a.subject in self._plant.gates]
            wanted = [(a, key) for a in alerts if (key := self._key(connection, a, run.now)) is not None]
        for alert, key in wanted:
            self._write(run, partial(requests.ask, gate=alert.subject, cause=alert.name, key=key, now=run.now))
        with self._store.read() as connection:
            rows = requests.unfinished(connection)
        trained = sum(self._serve(run, row) for row in rows)
        return Result(trained)

    def ask(self, run: Run, gate: str) -> RetrainingRequest:
        """A person's request, served as far as it goes now; its row afterwards."""
        key = f"{requests.MANUAL}:{gate}:{run.now.isoformat()}"
        self._write(run, lambda c: requests.ask(c, gate, requests.MANUAL, key, run.now))
        with self._store.read() as connection:
            row = requests.row_of(connection, key)
        self._serve(run, row)
        with self._store.read() as connection:
            return requests.row_of(connection, key)

    def _key(self, connection: Connection, alert: Alert, now: datetime) -> str | None:
        """The key of the request that this firing alert should make now, if any.

        One an episode, and after each that ended another one when the cool-down is over and the alert still fires.
        """
        first = f"{alert.name}:{alert.subject}:{alert.id}:"
        mine = [r for r in requests.rows(connection, alert.subject) if r.key.startswith(first)]
        cooldown = self._plant.gates[alert.subject].retraining.cooldown
        if mine:
            last = mine[-1]
            if last.finished_at is None or now - last.finished_at < cooldown or last.reason == Reason.DISABLED:
                return None
        return f"{first}{len(mine) + 1}"

    def _serve(self, run: Run, row: RetrainingRequest) -> int:
        """Take a request as far as it goes now; how many parts a challenger was trained on."""
        if row.gate not in self._plant.gates:
            if row.finished_at is None:
                self._finish(run, row, State.FAILED, Reason.GATE_REMOVED)
            return 0
        if row.finished_at is not None:
            self._tell(row)
            return 0
        if row.state != State.TRAINING:
            decision = self._decide(row, run.now)
            if decision.action is Action.REFUSE:
                self._finish(run, row, State.REFUSED, decision.reason, decided_at=run.now)
            if decision.action is Action.QUEUE and row.reason != decision.reason:
                values = {"state": State.QUEUED, "reason": decision.reason, "decided_at": run.now}
                self._write(run, lambda c: requests.change(c, row, **values))
            if decision.action is not Action.START or not self._start(run, row):
                return 0
        return self._go_on(run, row.key)

    def _decide(self, row: RetrainingRequest, now: datetime) -> Decision:
        config = self._plant.gates[row.gate]
        rules = config.retraining
        policy = Policy(
            rules.enabled, rules.cooldown, rules.daily_limit, max(rules.min_new_outcomes, rules.holdout_rows)
        )
        with self._store.read() as connection:
            alert = next((a for a in firing_breaches(connection, CAUSES) if row.key.startswith(_episode(a))), None)
            history = [
                Past(past.gate, past.began, past.finished_at)
                for past in requests.started(connection, now - max(DAY, rules.cooldown))
            ]
            current = versions.model_in_force(connection, row.gate)
            known = None if current is None else self._last_known(connection, row.gate, current)
            new = 0 if known is None else count_new_outcomes(connection, config.characteristic, known, now)
        request = Request(row.gate, row.cause == requests.MANUAL, alert is not None)
        decision = decide_retraining(
            request, history, Facts(current is not None, new, champion_holds=False), policy, now
        )
        # Whether the champion holds takes its predictions: asked last, and only of one that came after the alert.
        younger = current is not None and alert is not None and current.since > alert.since
        if decision.action is Action.START and younger and self._holds(row.gate, now):
            return decide_retraining(request, history, Facts(True, new, champion_holds=True), policy, now)
        return decision

    def _last_known(self, connection: Connection, gate: str, current: ModelInForce) -> datetime:
        """Until when the gate's trainings, the champion's or a later challenger's, knew the outcomes."""
        trained = [row.began for row in requests.rows(connection, gate) if row.data_digest]
        return max([trained_at(connection, gate, current), *trained])

    def _holds(self, gate: str, now: datetime) -> bool:
        used = self._models.for_gates([gate])[gate].model
        if used is None:
            return False
        config = self._plant.gates[gate]
        rows = config.retraining.holdout_rows
        with self._store.read() as connection:
            newest = training_set(connection, config, now, newest=rows)
        newest = newest.at(np.flatnonzero(askable(used, newest.rows)).tolist())
        return intervals_hold(newest.target, used.predict(newest.rows), used.coverage)

    def _start(self, run: Run, row: RetrainingRequest) -> bool:
        """Freeze what the challenger may know; whether there is enough to compare on."""
        with self._store.read() as connection:
            current = versions.model_in_force(connection, row.gate)
            arrival = last_arrival(connection)
            if current is not None:
                learn, held = self._split(connection, row.gate, current, run.now, arrival)
        if current is None:
            self._finish(run, row, State.REFUSED, Reason.NO_CHAMPION)
            return False
        frozen = {
            "state": State.TRAINING, "reason": Reason.START, "decided_at": run.now, "started_at": run.now,
            "arrival": arrival, "champion": current.version, "changes": current.changes,
            "data_digest": data_digest(learn.rows, learn.target, learn.serials),
        }  # fmt: skip
        self._write(run, lambda c: requests.change(c, row, **frozen))
        if len(held) >= self._plant.gates[row.gate].retraining.holdout_rows:
            return True
        self._finish(run, self._row(row.key), State.REFUSED, Reason.TOO_FEW_ROWS)
        return False

    def _split(
        self, connection: Connection, gate: str, current: ModelInForce, at: datetime, arrival: int
    ) -> tuple[TrainingSet, TrainingSet]:
        config = self._plant.gates[gate]
        data = training_set(connection, config, at, arrival)
        since = trained_at(connection, gate, current)
        return hold_out(data, since, config.retraining.holdout_rows, MIN_LOTS, SLICE_ROWS)

    def _go_on(self, run: Run, key: str) -> int:
        """Train, compare and put in force, from wherever the request stands."""
        row = self._row(key)
        with self._store.read() as connection:
            current = versions.model_in_force(connection, row.gate)
            if current is not None and current.changes == row.changes:
                learn, held = self._split(connection, row.gate, current, row.began, row.arrival)
        if current is None or current.changes != row.changes:
            self._finish(run, row, State.REFUSED, Reason.CHAMPION_CHANGED)
            return 0
        rows = 0
        if not row.challenger:
            if not self._train(run, row, learn):
                return 0
            rows, row = len(learn), self._row(key)
        if row.comparison is None:
            self._compare(run, row, held)
            row = self._row(key)
        if row.finished_at is None and row.ready_at is not None and row.ready_at <= run.now:
            self._promote(run, row)
        return rows

    def _train(self, run: Run, row: RetrainingRequest, learn: TrainingSet) -> bool:
        """Train, register as the challenger and record; False when it cannot be trained on these parts."""
        gate: GateConfig = self._plant.gates[row.gate]
        try:
            trained = self._trainer.train(row.gate, gate, learn, run.beat)
        except ModelError as exc:
            if exc.reason is ModelReason.UNREACHABLE:
                raise
            log.warning("gate %s: no challenger: %s", row.gate, exc)
            few = exc.reason is ModelReason.TOO_FEW_ROWS
            state, reason = (State.REFUSED, Reason.TOO_FEW_ROWS) if few else (State.FAILED, Reason.TRAINING_FAILED)
            self._finish(run, row, state, reason)
            return False
        tags = {"gate": row.gate, "cause": row.cause, "request": row.key, "parent_version": row.champion}
        number = self._trainer.register(gate, trained, tags)
        self._registry.set_challenger(gate.model, number)
        # Under a simulated clock training takes the declared time, else the time it takes.
        ready_at = row.began + gate.training.takes if self._simulated else run.now
        version = Version(
            row.gate, gate.model, number, trained.digest, row.began, ready_at, trained.data_digest, len(learn),
            trained.metrics, VersionStatus.CHALLENGER,
        )  # fmt: skip
        values = {"challenger": number, "ready_at": ready_at}
        versions.record(self._store, run.lease, version, lambda c: requests.change(c, row, **values))
        return True

    def _compare(self, run: Run, row: RetrainingRequest, held: TrainingSet) -> None:
        """Compare on the parts that neither model has seen; refuse what is not better."""
        used = self._models.for_gates([row.gate])[row.gate]
        if used.model is None or used.version != row.champion:
            self._finish(run, row, State.REFUSED, Reason.CHAMPION_UNUSABLE)
            return
        version = self._version(row, row.challenger)
        challenger = self._load(version.model, version.digest)
        reach("during_comparison")
        for model in (used.model, challenger):
            held = held.at(np.flatnonzero(askable(model, held.rows)).tolist())
        parts = Holdout(held.target, held.machines, held.recipes, held.lots)
        asked = [model.predict(held.rows) for model in (used.model, challenger)]
        rows = self._plant.gates[row.gate].retraining.holdout_rows
        found = compare(parts, asked[0], asked[1], rows, challenger.coverage, _SEED)
        numbers = as_json(found, held.serials)
        if found.outcome is Reason.BETTER:
            values = {"reason": Reason.BETTER, "comparison": numbers}
            self._write(run, lambda c: requests.change(c, row, **values))
        else:
            self._finish(run, row, State.REFUSED, found.outcome, comparison=numbers)

    def _promote(self, run: Run, row: RetrainingRequest) -> None:
        version = self._version(row, row.challenger)

        def end(connection: Connection) -> None:
            requests.finish(connection, row, State.PROMOTED, Reason.BETTER, run.now)

        if not versions.put_in_force(self._store, run.lease, row.gate, version, row.changes, run.now, end):
            self._finish(run, row, State.REFUSED, Reason.CHAMPION_CHANGED)
            return
        mirror(self._store, self._registry, row.gate, version.model, version.version)
        self._tell(self._row(row.key))

    def _tell(self, row: RetrainingRequest) -> None:
        """Let MLflow say how a challenger's comparison ended; while it is down, the next slot tries again."""
        if not row.challenger or row.mirrored:
            return
        approved = row.state == State.PROMOTED
        tags = {"comparison": row.reason, "parent_version": row.champion, "cause": row.cause}
        try:
            self._registry.judge(
                self._plant.gates[row.gate].model, row.challenger, approved, flat(row.comparison or {}), tags
            )
        except ModelError as exc:
            log.warning("gate %s: version %s is not marked in MLflow yet: %s", row.gate, row.challenger, exc)
            return
        with self._store.write() as connection:
            requests.change(connection, row, mirrored=1)

    def _finish(self, run: Run, row: RetrainingRequest, state: State, reason: Reason, **values: object) -> None:
        """End a request without a change of the model in force; its challenger, if any, is refused."""

        def end(connection: Connection) -> None:
            requests.finish(connection, row, state, reason, run.now, **values)
            if row.challenger and row.gate in self._plant.gates:
                versions.mark(connection, self._plant.gates[row.gate].model, row.challenger, VersionStatus.REFUSED)

        self._write(run, end)
        if row.challenger and row.gate in self._plant.gates:
            self._tell(self._row(row.key))

    def _write(self, run: Run, work: Callable[[Connection], object]) -> None:
        with self._store.write() as connection:
            prove(self._store, connection, run.lease)
            work(connection)

    def _row(self, key: str) -> RetrainingRequest:
        with self._store.read() as connection:
            return requests.row_of(connection, key)

    def _version(self, row: RetrainingRequest, version: str) -> Version:
        model = self._plant.gates[row.gate].model
        with self._store.read() as connection:
            return next(v for v in versions.of_gate(connection, row.gate) if (v.model, v.version) == (model, version))


def _episode(alert: Alert) -> str:
    return f"{alert.name}:{alert.subject}:{alert.id}:"
