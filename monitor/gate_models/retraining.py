"""Processing a retraining request: freeze a snapshot, train, compare, put in force; each step is its own commit.

A request is one row of the table `retraining` throughout, so that after a kill the next process continues it: the
snapshot is identified by the instant and the arrival number at which it was frozen, training is reproducible bit for
bit, a registered package keeps its version, and the model in force changes in the transaction that ends the request.
Decisions are made in `requests`, comparisons in `challenge`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from alerting.retraining import Action, Decision
from monitor.errors import ModelError, ModelReason
from monitor.failpoints import reach
from monitor.gate_models.challenge import (
    Step,
    compare_models,
    intervals_still_hold,
    is_enough,
    next_step,
    split_holdout,
    suits,
    trained_at,
)
from monitor.gate_models.comparison_record import as_json, as_metrics
from monitor.gate_models.in_force import ModelsInForce
from monitor.gate_models.lineage import trained_on
from monitor.gate_models.registry import ModelRegistry, mirror, usable_from
from monitor.gate_models.requests import decide, read_facts
from monitor.gate_models.training_child import TrainedPackage, Trainer
from monitor.gate_models.training_set import TrainingSet, training_set
from monitor.model import RetrainingReason as Reason
from monitor.model import RetrainingState as State
from monitor.plant.plant import Plant
from monitor.scheduling.job import Run
from monitor.statuses import VersionStatus
from monitor.store.database.database import Connection, Store
from monitor.store.database.leases import renew
from monitor.store.models import retraining as requests
from monitor.store.models import versions
from monitor.store.models.retraining import RetrainingRequest
from monitor.store.models.versions import ModelInForce, Version
from monitor.store.rows.readings import last_arrival

log = logging.getLogger(__name__)

Snapshot = tuple[TrainingSet, TrainingSet]
"""The training set and the holdout of a request."""


@dataclass(frozen=True, slots=True)
class Retraining:
    """Processes requests. Under a `simulated` clock, training takes the time that the plant file declares."""

    store: Store
    plant: Plant
    models: ModelsInForce
    registry: ModelRegistry
    trainer: Trainer
    simulated: bool

    def request(self, run: Run, gate: str, cause: str, key: str) -> None:
        """Add a request; an existing one of that key stays unchanged."""
        self._write(run, lambda c: requests.add_request(c, gate, cause, key, run.now))

    def process(self, run: Run, request: RetrainingRequest) -> int:
        """Process a request as far as possible now; returns how many parts a challenger was trained on."""
        if request.gate not in self.plant.gates:
            if request.finished_at is None:
                self._finish(run, request, State.FAILED, Reason.GATE_REMOVED)
            return 0
        if request.finished_at is not None:
            self._report(request)
            return 0
        frozen = None
        if request.state != State.TRAINING:
            frozen = self._begin(run, request)
            if frozen is None:
                return 0
        return self._continue(run, self._reload(request), frozen)

    def _begin(self, run: Run, request: RetrainingRequest) -> Snapshot | None:
        """Decide on a request that has not started; returns its snapshot if it starts."""
        decision = self._decide(run, request)
        if decision.action is Action.START:
            return self._freeze(run, request)
        if decision.action is Action.REFUSE:
            self._finish(run, request, State.REFUSED, decision.reason, decided_at=run.now)
        elif request.reason != decision.reason:
            values = {"state": State.QUEUED, "reason": decision.reason, "decided_at": run.now}
            self._write(run, lambda c: requests.update_request(c, request, **values))
        return None

    def _decide(self, run: Run, request: RetrainingRequest) -> Decision:
        gate = self.plant.gates[request.gate]
        with self.store.read() as connection:
            facts = read_facts(connection, request, gate, run.now)
        return decide(facts, gate.retraining, lambda: self._champion_holds(run, request.gate), run.now)

    def _champion_holds(self, run: Run, gate: str) -> bool:
        model = self.models.for_gates([gate])[gate].model
        if model is None:
            return False
        config = self.plant.gates[gate]
        with self.store.read() as connection:
            newest = training_set(
                connection, config, self.plant.max_ages(), run.now, newest=config.retraining.holdout_rows,
                classes=self.plant.classes_of(config), beat=run.beat,
            )  # fmt: skip
        return intervals_still_hold(model, newest)

    def _freeze(self, run: Run, request: RetrainingRequest) -> Snapshot | None:
        """Freeze the snapshot; None if there is no model to compare with, or the holdout is not large enough."""
        with self.store.read() as connection:
            current = versions.model_in_force(connection, request.gate)
            arrival = last_arrival(connection)
            started = request._replace(started_at=run.now, arrival=arrival)
            parts = None if current is None else self._snapshot(connection, started, current, run.beat)
        if current is None or parts is None:
            self._finish(run, request, State.REFUSED, Reason.NO_CHAMPION)
            return None
        training, holdout = parts
        frozen = {
            "state": State.TRAINING, "reason": Reason.START, "decided_at": run.now, "started_at": run.now,
            "arrival": arrival, "champion": current.version, "changes": current.changes,
            "data_digest": training.digest(),
        }  # fmt: skip
        self._write(run, lambda c: requests.update_request(c, request, **frozen))
        if is_enough(holdout, self.plant.gates[request.gate].retraining.holdout_rows):
            return parts
        self._finish(run, self._reload(request), State.REFUSED, Reason.TOO_FEW_ROWS)
        return None

    def _snapshot(
        self, connection: Connection, request: RetrainingRequest, current: ModelInForce, beat: Callable[[], None]
    ) -> Snapshot:
        """The training set and holdout of a started request; reproducible from the store."""
        config = self.plant.gates[request.gate]
        started, ages, classes = request.start_time, self.plant.max_ages(), self.plant.classes_of(config)
        data = training_set(connection, config, ages, started, request.arrival, classes=classes, beat=beat)
        since = trained_at(versions.list_versions(connection, request.gate), current)
        return split_holdout(data, since, config.retraining.holdout_rows)

    def _continue(self, run: Run, request: RetrainingRequest, frozen: Snapshot | None) -> int:
        """Train, compare and put in force, from the request's next step; returns how many parts were trained on.

        `frozen` is its snapshot where it has just been frozen.
        """
        with self.store.read() as connection:
            current = versions.model_in_force(connection, request.gate)
            step = next_step(request, current, run.now)
            if current is not None and step in (Step.TRAIN, Step.COMPARE):
                training, holdout = frozen or self._snapshot(connection, request, current, run.beat)
        trained = 0
        if step is Step.GIVE_UP:
            self._finish(run, request, State.REFUSED, Reason.CHAMPION_CHANGED)
        if step is Step.TRAIN:
            trained, request = self._train(run, request, training)
            step = next_step(request, current, run.now)
        if step is Step.COMPARE:
            request = self._compare(run, request, training, holdout)
            step = next_step(request, current, run.now)
        if step is Step.PROMOTE:
            self._promote(run, request)
        return trained

    def _train(self, run: Run, request: RetrainingRequest, training: TrainingSet) -> tuple[int, RetrainingRequest]:
        """Train and register a challenger, or end the request if training fails."""
        try:
            trained = self.trainer.train(request.gate, self.plant.gates[request.gate], training, run.beat)
        except ModelError as exc:
            if exc.reason is ModelReason.UNREACHABLE:
                raise
            log.warning("gate %s: no challenger: %s", request.gate, exc)
            few = exc.reason is ModelReason.TOO_FEW_ROWS
            state, reason = (State.REFUSED, Reason.TOO_FEW_ROWS) if few else (State.FAILED, Reason.TRAINING_FAILED)
            self._finish(run, request, state, reason)
            return 0, self._reload(request)
        self._register(run, request, trained, training)
        return len(training), self._reload(request)

    def _register(self, run: Run, request: RetrainingRequest, trained: TrainedPackage, data: TrainingSet) -> None:
        gate = self.plant.gates[request.gate]
        origin = trained_on(self.plant, gate, data, trained.data_digest)
        tags = {"gate": request.gate, "cause": request.cause, "request": request.key}
        number = self.trainer.register(gate, trained, {**tags, "parent_version": request.champion}, origin)
        if number == request.champion:  # nothing new was learnt: the same package
            self._finish(run, request, State.REFUSED, Reason.NOT_BETTER)
            return
        self.registry.set_challenger(gate.model, number)
        ready_at = usable_from(gate, request.start_time, run.now, self.simulated)
        version = Version(
            request.gate, gate.model, number, trained.digest, request.start_time, ready_at, trained.data_digest,
            len(data), trained.metrics, VersionStatus.CHALLENGER,
        )  # fmt: skip
        values = {"challenger": number, "ready_at": ready_at}
        versions.record_version(self.store, run.lease, version, lambda c: requests.update_request(c, request, **values))

    def _compare(
        self, run: Run, request: RetrainingRequest, training: TrainingSet, holdout: TrainingSet
    ) -> RetrainingRequest:
        """Compare on the holdout; refuse a challenger that is not better."""
        in_force = self.models.for_gates([request.gate])[request.gate]
        of_request = in_force.model is not None and in_force.version == request.champion
        if in_force.model is None or not of_request or not suits(in_force.model, holdout.classes):
            self._finish(run, request, State.REFUSED, Reason.CHAMPION_UNUSABLE)
            return self._reload(request)
        version = self._challenger(request)
        challenger = self.registry.load(version.model, version.digest)
        reach("during_comparison")
        rows = self.plant.gates[request.gate].retraining.holdout_rows
        comparison, parts = compare_models(
            in_force.model, challenger, holdout, rows, training, in_force.withheld is None
        )
        record = as_json(comparison, parts.serials)
        if comparison.outcome is Reason.BETTER:
            self._write(run, lambda c: requests.update_request(c, request, reason=Reason.BETTER, comparison=record))
        else:
            self._finish(run, request, State.REFUSED, comparison.outcome, comparison=record)
        return self._reload(request)

    def _promote(self, run: Run, request: RetrainingRequest) -> None:
        version = self._challenger(request)

        def end(connection: Connection) -> None:
            requests.finish_request(connection, request, State.PROMOTED, Reason.BETTER, run.now)

        if not versions.put_in_force(self.store, run.lease, request.gate, version, request.changes, run.now, end):
            self._finish(run, request, State.REFUSED, Reason.CHAMPION_CHANGED)
            return
        mirror(self.store, self.registry, request.gate, version.model, version.version)
        self._report(self._reload(request))

    def _report(self, request: RetrainingRequest) -> None:
        """Record the result of a challenger in MLflow; if it is down, the next slot retries."""
        if not request.challenger or request.mirrored:
            return
        tags = {"comparison": request.reason, "parent_version": request.champion, "cause": request.cause}
        approved, metrics = request.state == State.PROMOTED, as_metrics(request.comparison or {})
        try:
            self.registry.record_comparison(
                self.plant.gates[request.gate].model, request.challenger, approved, metrics, tags
            )
        except ModelError as exc:
            log.warning(
                "gate %s: version %s has no result in MLflow yet: %s", request.gate, request.challenger, exc
            )  # fmt: skip
            return
        with self.store.write() as connection:
            requests.update_request(connection, request, mirrored=1)

    def _finish(self, run: Run, request: RetrainingRequest, state: State, reason: Reason, **values: object) -> None:
        """End a request without changing the model in force; its challenger, if any, is refused."""
        has_challenger = request.challenger and request.gate in self.plant.gates

        def end(connection: Connection) -> None:
            requests.finish_request(connection, request, state, reason, run.now, **values)
            if has_challenger:
                model = self.plant.gates[request.gate].model
                versions.set_status(connection, model, request.challenger, VersionStatus.REFUSED)

        self._write(run, end)
        if has_challenger:
            self._report(self._reload(request))

    def _write(self, run: Run, work: Callable[[Connection], object]) -> None:
        with self.store.write() as connection:
            renew(self.store, connection, run.lease)
            work(connection)

    def _reload(self, request: RetrainingRequest) -> RetrainingRequest:
        with self.store.read() as connection:
            return requests.request_by_key(connection, request.key)

    def _challenger(self, request: RetrainingRequest) -> Version:
        with self.store.read() as connection:
            return versions.version_of(connection, self.plant.gates[request.gate].model, request.challenger)
