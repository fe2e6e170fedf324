"""Any number of steps of the clock and kills, at any point: each job goes on within a lease, no row is lost."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
import sqlalchemy as sa
from clock_kit import SetClock
from spine_kit import Spine

from exporters.delivery.mes import MesTarget
from monitor.jobs import deliver
from monitor.jobs.alerts import AlertsJob
from monitor.jobs.deliver import DeliverJob
from monitor.jobs.pulling import pull
from monitor.runtime.app import bounds_of
from monitor.scheduling.clock_guard import ClockGuard
from monitor.scheduling.job import Job
from monitor.scheduling.runner import Runner, SlotOutcome
from monitor.store import commit
from monitor.store.database import tables as t
from monitor.store.database.database import Store

LEASE = timedelta(seconds=30)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TICK = 15.0
RUNS = [("sqlite", 1), ("sqlite", 2), ("sqlite", 3), pytest.param("postgresql", 0, marks=pytest.mark.postgres)]
POINTS = ("after_read", "before_commit", "after_commit", "after_mes_accepted")


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


@dataclass
class World:
    """One plant, one clock, and one process after the other."""

    spine: Spine
    clock: SetClock
    rng: random.Random
    serials: list[str] = field(default_factory=list)
    at_point: dict[str, str] = field(default_factory=dict)
    reference: dict[str, float] = field(default_factory=dict)
    longest: float = 0.0
    begun: int = 0

    def reach(self, point: str) -> None:
        """What a test lets happen at a point of the code."""
        what = self.at_point.pop(point, None)
        if what == "kill":
            raise Killed
        if what == "step":
            self.step()

    def start(self) -> None:
        """A new process."""
        self.begun += 1
        store, plant = self.spine.store, self.spine.plant
        guard = ClockGuard(store, self.clock, LEASE, self.clock.steady)
        guard.begin()
        self.runner = Runner(store, self.clock, f"process {self.begun}", LEASE, guard)
        assert plant.write_back is not None
        self.jobs: list[Job] = [
            self.spine.pull("parts"), DeliverJob(store, plant.write_back, MesTarget(plant.write_back)),
        ]  # fmt: skip
        self.jobs.append(AlertsJob(store, plant, lambda: bounds_of(plant, self.jobs)))
        self.reference = {job.name: self.clock.true for job in self.jobs}

    def step(self) -> None:
        """Set the clock: a day ahead and right again, an hour back and right again."""
        by = -self.clock.offset if self.clock.offset else self.rng.choice([DAY, DAY, -HOUR, 7 * DAY])
        self.clock.step(by)

    def tick(self, share: float = 0.7) -> None:
        """Time goes on, a part may pass, and each job is asked as the scheduler asks it."""
        self.clock.advance(self.rng.uniform(1.0, TICK))
        if self.rng.random() < share:
            self.part()
        for job in self.jobs:
            done = self.runner.catch_up(job)
            if done is not None and done.outcome is SlotOutcome.SUCCESS:
                self.reference[job.name] = self.clock.true
            late = self.clock.true - self.reference[job.name] - job.interval.total_seconds()
            self.longest = max(self.longest, late)
            assert late <= LEASE.total_seconds() + 2 * TICK, f"{job.name} has not run for {late:.0f} s too long"

    def part(self) -> None:
        """Stamped by a clock that is right, or by ours where that is ahead."""
        own = self.clock.offset > timedelta(0) and self.rng.random() < 0.3
        self.serials.append(f"P{len(self.serials):04}")
        at = self.clock.now() if own else self.clock.now() - self.clock.offset
        self.spine.part(self.serials[-1], at)

    def steps_told(self) -> int:
        return int(sum(self.spine.tally("gatewatch_clock_steps_total", direction=d) for d in ("forward", "back")))

    def run(self, what: str) -> None:
        """A stretch of time with one event in it."""
        killed = False
        if what in ("step", "step and kill"):
            self.step()
        if what in ("kill", "step within a run", "step and kill") and self.rng.random() < 0.8:
            self.at_point[self.rng.choice(POINTS)] = "step" if what == "step within a run" else "kill"
        before, offset = self.steps_told(), self.clock.offset
        for _ in range(12):
            try:
                self.tick()
            except Killed:
                killed = True
                self.start()
        stepped = what in ("step", "step and kill") or self.clock.offset != offset
        self.at_point.clear()
        told = self.steps_told() - before
        assert told <= int(stepped), f"{what}: {told} steps told"
        assert told == int(stepped) or killed, f"{what}: not told"


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> dict[str, World]:
    here: dict[str, World] = {}
    for module in (pull, deliver, commit):
        monkeypatch.setattr(module, "reach", lambda point: here["world"].reach(point))
    return here


@pytest.mark.parametrize(("store_url", "seed"), RUNS, indirect=["store_url"])
@pytest.mark.slow
def test_work_goes_on_within_a_lease_and_nothing_is_lost(
    seed: int, store: Store, tmp_path: object, patched: dict[str, World]
) -> None:
    clock = SetClock()
    clock.drive(store)
    spine = Spine(tmp_path, store, {"late_by: 5m, every: 15m,\n     values": "late_by: 5m, every: 1m,\n     values"})  # type: ignore[arg-type]
    world = patched["world"] = World(spine, clock, random.Random(seed))
    world.start()
    for _ in range(12):
        world.run(world.rng.choice(["step", "step", "kill", "step within a run", "step and kill", "nothing"]))
    if clock.offset:
        world.step()
    for rest in (0.0, 8 * DAY.total_seconds()):  # by then what was stamped ahead and not read in time has come too
        clock.advance(rest)
        world.reference = dict.fromkeys(world.reference, clock.true)
        for _ in range(12):
            world.tick(share=0.0)
    print(f"seed {seed}: {world.begun} processes, {world.steps_told()} steps told, longest wait {world.longest:.0f} s")
    stored = spine.all(t.part_step, "serial")
    assert sorted(stored) == sorted(world.serials), "each part once"
    assert sorted(spine.all(t.decision, "serial")) == sorted(world.serials)
    assert sorted(serial for serial, _, _ in spine.advice()) == sorted(world.serials)
    with store.read() as connection:
        rows = connection.execute(sa.select(t.alert.c.name).where(t.alert.c.name == "ClockStepped")).all()
    assert len(rows) <= world.steps_told()
    spine.close()
    clock.close()
