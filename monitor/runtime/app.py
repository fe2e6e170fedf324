"""Wiring: from a loaded plant file to a store, sources, pipelines and jobs."""

from __future__ import annotations

import logging
import os
import socket
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from alerting.alerts import in_force
from alerting.notifications.receivers import Receivers
from exporters.delivery import notify_log
from exporters.delivery.mes import MesTarget
from exporters.metrics.shared.labels import LOG_CHANNEL, TEAMS, channel_of
from exporters.metrics.shared.metric import Bounds
from inference.registry import Registry
from monitor import __version__
from monitor.clock import Clock, WallClock
from monitor.delivery.courier import Courier, send_each
from monitor.delivery.notifications import message_context, receivers_of, send
from monitor.delivery.retry import RetryPolicy
from monitor.drills.job import DrillJob
from monitor.gate_models.in_force import ModelsInForce
from monitor.gate_models.retraining import Retraining
from monitor.gate_models.training_child import Trainer
from monitor.jobs.alerts import AlertsJob
from monitor.jobs.attribution import AttributionJob
from monitor.jobs.bulletins import BulletinsJob, kinds_of
from monitor.jobs.deliver import DeliverJob
from monitor.jobs.detect import detect_jobs, save_states
from monitor.jobs.drift import DriftJob
from monitor.jobs.models import ModelJob
from monitor.jobs.notify import NotifyJob
from monitor.jobs.performance import PerformanceJob
from monitor.jobs.prune import PruneJob
from monitor.jobs.pulling.wiring import pull_jobs
from monitor.jobs.reconcile import ReconcileJob, Scope
from monitor.jobs.report import ReportJob
from monitor.jobs.retraining import RetrainingJob
from monitor.jobs.savings import SavingsJob
from monitor.lake.packages import require_packages
from monitor.plant import retention
from monitor.plant.file.load import LoadedPlant
from monitor.plant.file.redaction import redacted
from monitor.plant.plant import Plant
from monitor.plant.retention import KEYS, effective
from monitor.ports import Source
from monitor.runtime.private import keep_private, keep_secrets_out
from monitor.runtime.workers.workers import Workers
from monitor.scheduling.clock_guard import ClockGuard
from monitor.scheduling.job import Job
from monitor.scheduling.runner import Runner
from monitor.silences.job import SilencesJob
from monitor.sources.transports import open_source
from monitor.store.database.database import Store
from monitor.store.database.schema import open_store
from monitor.store.plant_files import record_plant_file
from monitor.store.watching.silences import forget_held
from monitor.web.people_file import people_of

log = logging.getLogger(__name__)


@dataclass(slots=True)
class App:
    """A plant ready to run."""

    loaded: LoadedPlant
    store: Store
    clock: Clock
    runner: Runner
    models: ModelsInForce
    registry: Registry
    trainer: Trainer
    sources: dict[str, Source]
    jobs: list[Job]
    workers: Workers

    @property
    def plant(self) -> Plant:
        """The plant file in force."""
        return self.loaded.plant

    def save_states(self) -> None:
        """Save the states of the detectors that this process has, not those of its workers."""
        save_states([job for job in self.jobs if not self.workers.runs(job.name)], self.runner, self.clock.now())

    def close(self) -> None:
        """End the workers and the training child, release leases and connections."""
        self.workers.close()
        self.trainer.close()
        self.runner.release_leases()
        for source in self.sources.values():
            source.close()
        self.store.close()


def make_app(loaded: LoadedPlant, clock: Clock, simulated: bool, notify: bool | None = None) -> App:
    """Open the store (created if new), record the plant file, wire the jobs. A source is connected at its first slot.

    `notify` is whether notifications are sent to URLs; by default they are unless the clock is simulated: a replay
    must not alarm anybody.
    """
    plant = loaded.plant
    # Usage errors are raised before anything is created.
    sources = {name: open_source(name, config, plant) for name, config in plant.sources.items()}
    target = None if plant.write_back is None else MesTarget(plant.write_back)
    receivers = receivers_of(plant)
    people_of(plant.server)
    require_packages(plant)
    # A replay can be repeated after a power cut; waiting for the disk at each commit would cost a fifth of its time.
    store = open_store(plant.store.url, durable=not simulated)
    for where, sentence in retention.problems(plant):
        log.warning("%s: %s; rows are kept as long as they are needed", ".".join(where), sentence)
    guard = None if simulated else ClockGuard(store, clock, plant.store.lease)
    if guard is not None:
        guard.begin()
    keep_private(plant, loaded.path.parent / "reports")
    keep_secrets_out(store)
    record_plant_file(store, loaded.digest, redacted(loaded.text), clock.now())
    holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    runner = Runner(store, clock, holder, plant.store.lease, guard)
    workers = Workers(loaded, store, runner)
    registry = make_registry(plant)
    trainer = Trainer(registry, simulated, {gate.kind for gate in plant.gates.values()})
    models = ModelsInForce(store, registry)
    pulls = pull_jobs(plant, loaded.digest, store, sources, partial(models.for_gates, tuple(plant.gates)))
    jobs: list[Job] = [*pulls, *detect_jobs(store, plant)]
    jobs += [DriftJob(store, plant, models), PerformanceJob(store, plant, models), AttributionJob(store, plant)]
    jobs += [ModelJob(store, plant, gate, models, registry, trainer, simulated) for gate in plant.gates]
    if plant.profile == "embedded":
        jobs.append(AlertsJob(store, plant, lambda: bounds_of(plant, jobs)))
    if plant.alerts.alertmanager_url is None:
        forget_held(store)
    elif not simulated:
        jobs.append(SilencesJob(store, plant, plant.alerts.alertmanager_url, lambda: [job.name for job in jobs]))
    if plant.drill is not None and not simulated:
        jobs.append(DrillJob(store, plant, plant.drill))
    jobs.append(RetrainingJob(Retraining(store, plant, models, registry, trainer, simulated)))
    told = receivers if (not simulated if notify is None else notify) else None
    if kinds := kinds_of(store, loaded, loaded.path.parent / "reports"):
        jobs.append(BulletinsJob(store, kinds, message_context(plant), urls_of(told)))
    jobs.append(notify_job(store, plant, told))
    for name in plant.sources:
        of_source = [p for p in pulls if p.source_name == name]
        every, scope = plant.jobs.reconcile, reconcile_scope(plant, name)
        jobs.append(ReconcileJob(store, scope, sources[name], of_source, every, workers.lease_of, WallClock()))
    if plant.write_back is not None and target is not None:
        jobs.append(DeliverJob(store, plant.write_back, target))
    jobs += [] if simulated else lake_jobs(store, plant)
    renders = not simulated or plant.drift.report_under_replay
    jobs.append(ReportJob(store, plant, models, loaded.path.parent / "reports", renders))
    if any(gate.costs is not None for gate in plant.gates.values()):
        jobs.append(SavingsJob(store, plant, loaded.path.parent))
    jobs.append(PruneJob(store, retention.effective(plant), plant.jobs.prune, retention.kept_longer(plant)))
    return App(loaded, store, clock, runner, models, registry, trainer, sources, jobs, workers)


def lake_jobs(store: Store, plant: Plant) -> list[Job]:
    """The job of the lake, if the plant file has one. A replay sends nothing: what it made is sent by the next run."""
    if plant.lake is None:
        return []
    from monitor.lake.job import LakeJob  # only here: its libraries are an extra

    return [LakeJob(store, plant, plant.lake)]


def reconcile_scope(plant: Plant, source: str) -> Scope:
    """What is compared of a source."""
    config = plant.sources[source]
    settle = config.look_back + config.delay + 2 * config.every
    keep: timedelta | None = getattr(effective(plant), KEYS[config.kind])
    rows = plant.rows_at_once(source) if plant.has_pictures(source) else None
    return Scope(source, config.kind, settle, plant.reconcile.reach, keep, rows)


def bounds_of(plant: Plant, jobs: Sequence[Job]) -> Bounds:
    """The possible values of the metric labels under this plant file."""
    return Bounds(plant, {job.name: job.interval for job in jobs}, in_force.bounds_of(plant), __version__)


def make_registry(plant: Plant) -> Registry:
    """The registry of the plant file; nothing is contacted yet."""
    config = plant.mlflow
    artifacts = None if config.artifacts is None else Path(config.artifacts)
    return Registry(config.tracking_uri, artifacts, config.experiment, Path(config.cache), config.registry)


def notify_job(store: Store, plant: Plant, receivers: Receivers | None) -> NotifyJob:
    """The notification job. Without receivers (None) nothing is sent to URLs, not even what an earlier run queued."""
    config = plant.notify
    log = Courier(
        store, (LOG_CHANNEL,), send_each(partial(notify_log.send, config.log)), RetryPolicy(config.backoff, None)
    )
    couriers = [log]
    if receivers is not None:
        policy = RetryPolicy(config.backoff, config.attempts)
        channels = [channel_of(team) for team in TEAMS]
        deliver = send_each(partial(send, receivers))
        # One at a time, so that at most one is repeated after a kill.
        couriers.append(Courier(store, channels, deliver, policy, batch_size=1, one_receiver=False))
    return NotifyJob(store, plant, message_context(plant), urls_of(receivers), couriers)


def urls_of(receivers: Receivers | None) -> dict[str, int]:
    """The number of URLs of each team."""
    return {team: len(of_team) for team, of_team in (receivers or {}).items()}
