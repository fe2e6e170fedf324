"""Part steps: from a page to decisions and the recommendations that wait in the outbox."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import nan
from queue import SimpleQueue
from typing import Any

from monitor.failpoints import reach
from monitor.model import Decision, Page, PartInput, PartKey, Prediction, Reason, ReworkBand, Spec, Verdict
from monitor.pipeline import intake
from monitor.plant.plant import GateConfig, PartSource, Plant
from monitor.ports import GateModel
from monitor.store.commit import BatchWrite, provisional
from monitor.store.database.database import Store
from monitor.store.database.statements import tallied
from monitor.store.known_rows import known_parts, part_history

Judged = list[tuple[Prediction | None, Decision]]
Judge = Callable[
    [
        GateModel | None,
        Reason | None,
        Sequence[PartInput],
        Callable[[datetime], Spec | None],
        ReworkBand,
        Reason | None,
    ],
    Judged,
]
"""`inference.gate.judge`: model, refused, parts, specification, rework band, withheld."""


@dataclass(frozen=True, slots=True)
class InForce:
    """The model a gate uses for one batch: an explicit input, recorded with every decision.

    `refused` says why there is none to ask: `no_model`, or `bad_model` when the one in force did not verify.
    `withheld` says why what it predicts is recorded and not acted upon: `no_skill` while its realised skill is absent.
    """

    model: GateModel | None
    refused: Reason | None
    name: str = ""
    version: str = ""
    digest: str = ""
    withheld: Reason | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """One accepted part step, as the gates see it."""

    arrival: int
    serial: str
    step: str
    visit: int
    at: datetime
    values: Mapping[str, float]


def gate_input(gate: GateConfig, passage: Passage, latest: Mapping[str, Passage]) -> tuple[PartInput, dict[str, int]]:
    """What the gate is given: features of this passage and of the part's latest passages through earlier steps.

    With it, by step, the arrival numbers of the rows it was made of.
    """
    values: dict[str, float] = {}
    inputs = {passage.step: passage.arrival}
    for name in gate.inputs():
        step, _, feature = name.partition(".")
        origin = passage if step == passage.step else latest.get(step)
        values[name] = nan if origin is None else origin.values.get(feature, nan)
        if origin is not None:
            inputs[step] = origin.arrival
    key = PartKey(passage.serial, passage.step, passage.visit)
    return PartInput(key, passage.at, values, tuple(sorted(inputs.values()))), inputs


class Deadline:
    """Runs a model with a time limit, in a thread of its own; one that hangs is left behind."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._waiting: SimpleQueue[tuple[Callable[[], Judged], Future[Judged]]] = SimpleQueue()
        # A daemon, so that a model that hangs keeps no process from ending.
        threading.Thread(target=_serve, args=(self._waiting,), name="gate", daemon=True).start()

    def call(self, work: Callable[[], Judged], limit: timedelta) -> Judged | None:
        """The result, or None when it took longer than `limit`; what the work raises is raised here."""
        future: Future[Judged] = Future()
        self._waiting.put((work, future))
        try:
            return future.result(timeout=limit.total_seconds())
        except FutureTimeoutError:
            self._start()
            return None


def _serve(waiting: SimpleQueue[tuple[Callable[[], Judged], Future[Judged]]]) -> None:
    while True:
        work, future = waiting.get()
        try:
            future.set_result(work())
        except Exception as exc:  # noqa: BLE001 - handed to the caller, who raises it
            future.set_exception(exc)


class PartsPipeline:
    """Decides on the part steps of one source partition. Keeps nothing between pages but its gates."""

    def __init__(self, store: Store, plant: Plant, plant_digest: str, source: str, judge: Judge) -> None:
        self._store = store
        self._plant = plant
        self._digest = plant_digest
        self._source = source
        config = plant.sources[source]
        self._counted = isinstance(config, PartSource) and config.visit is not None
        self._judge = judge
        self._deadline = Deadline()
        self._gates = {gate.step: name for name, gate in plant.gates.items()}

    def process(self, page: Page, in_force: Mapping[str, InForce], write: BatchWrite) -> None:
        """Fill `write` with what the page brings. Reads the store, changes nothing."""
        with self._store.read() as connection:
            history = part_history(connection, page.frame["serial"].tolist())
        known = known_parts(history, self._counted)
        found = intake.take(intake.part_rows(page, self._source, known), known)
        latest: dict[str, dict[str, Passage]] = {}
        for row in history:
            latest.setdefault(row.serial, {})[row.step] = _passage(row.arrival, row._mapping)
        waiting: dict[str, list[tuple[Passage, PartInput, dict[str, int]]]] = {}
        for accepted in found.accepted:
            passage = _passage(provisional(len(write.rows)), accepted.columns)
            write.rows.append({**accepted.columns, "revision": accepted.revision})
            gate = self._gates.get(passage.step)
            if gate is not None and self._to_decide(gate, passage, accepted.revision):
                own = latest.get(passage.serial, {})
                waiting.setdefault(gate, []).append((passage, *gate_input(self._plant.gates[gate], passage, own)))
            latest.setdefault(passage.serial, {})[passage.step] = passage
        for gate, parts in waiting.items():
            self._decide(gate, parts, in_force[gate], write)
        reach("after_inference")
        for outcome, rows in found.outcomes():
            key = tallied("gatewatch_source_rows_total", source=self._source, outcome=outcome)
            write.tallies[key] += rows

    def _to_decide(self, gate: str, passage: Passage, revision: int) -> bool:
        # A correction is kept as a revision and never silently decided again; what came before the gate is history.
        since = self._plant.gates[gate].since
        return revision == 0 and (since is None or passage.at >= since)

    def _decide(
        self,
        gate: str,
        parts: Sequence[tuple[Passage, PartInput, dict[str, int]]],
        used: InForce,
        write: BatchWrite,
    ) -> None:
        config = self._plant.gates[gate]
        characteristic = self._plant.characteristics[config.characteristic]
        asked = [part for _, part, _ in parts]

        def ask(refused: Reason | None) -> Judged:
            band = config.rework_band()
            return self._judge(used.model, refused, asked, characteristic.spec_at, band, used.withheld)

        judged = self._deadline.call(lambda: ask(used.refused), config.timeout)
        if judged is None:
            judged = ask(Reason.TIMEOUT)
        for (passage, _, inputs), (prediction, decision) in zip(parts, judged, strict=True):
            row = self._row(gate, passage, inputs, used, prediction, decision, write.now)
            write.decisions.append(row)
            verdict, reason = decision.verdict.value, decision.reason.value
            write.tallies[tallied("gatewatch_gate_decisions_total", gate=gate, verdict=verdict, reason=reason)] += 1
            if self._plant.write_back:
                write.outbox.append(recommendation(self._plant.site, row, used.model.coverage if used.model else None))

    def _row(
        self,
        gate: str,
        passage: Passage,
        inputs: Mapping[str, int],
        used: InForce,
        prediction: Prediction | None,
        decision: Decision,
        now: datetime,
    ) -> dict[str, Any]:
        step = self._plant.steps[passage.step]
        return {
            "serial": passage.serial, "step": passage.step, "visit": passage.visit, "revision": 0, "gate": gate,
            "arrival": passage.arrival, "inputs": dict(inputs),
            "characteristic": self._plant.gates[gate].characteristic,
            "model": used.name, "version": used.version, "model_digest": used.digest, "plant_digest": self._digest,
            "withheld": used.withheld.value if used.withheld else "",
            "predicted": prediction and prediction.value, "lower": prediction and prediction.lower,
            "upper": prediction and prediction.upper, "distance": prediction and prediction.distance,
            "distance_limit": prediction and prediction.distance_limit,
            "verdict": decision.verdict.value, "reason": decision.reason.value,
            "on_hold": step.on_hold if decision.verdict is Verdict.HOLD else "", "decided_at": now, "at": passage.at,
        }  # fmt: skip


def recommendation(site: str, decision: Mapping[str, Any], coverage: float | None) -> dict[str, Any]:
    """The outbox row that carries a decision to the MES, under its idempotency key.

    Its confidence is the coverage of the model's interval, None for a hold. A recommendation stands only where the
    whole interval lies in one region, so it is right whenever the interval holds the truth: over exchangeable parts
    at least that often. It is a floor that holds on average over all judged parts, not a probability of this one.
    """
    key = [site, *(decision[name] for name in ("serial", "step", "visit", "revision"))]
    held = decision["verdict"] == Verdict.HOLD.value
    payload = {
        "site": site, "serial": decision["serial"], "step": decision["step"], "visit": decision["visit"],
        "revision": decision["revision"], "recommendation": decision["verdict"], "reason": decision["reason"],
        "confidence": None if held else coverage, "on_hold": decision["on_hold"],
        "model_version": decision["version"], "predicted": decision["predicted"], "lower": decision["lower"],
        "upper": decision["upper"], "decided_at": decision["decided_at"].isoformat(),
    }  # fmt: skip
    now = decision["decided_at"]
    return {
        "channel": "mes", "key": json.dumps(key), "subject": decision["serial"], "payload": payload,
        "status": "pending", "created_at": now, "next_at": now, "attempts": 0,
    }  # fmt: skip


def _passage(arrival: int, row: Mapping[str, Any]) -> Passage:
    return Passage(arrival, row["serial"], row["step"], row["visit"], row["at"], row["values"])
