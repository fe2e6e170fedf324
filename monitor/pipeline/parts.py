"""Part steps: from a page to decisions and their recommendations in the outbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from inference.policy.gate import judge
from monitor.confirming.page import Visits, settle_page
from monitor.failpoints import reach
from monitor.model import Decision, Page, PartInput, Prediction, Reason, Verdict
from monitor.pictures import keep
from monitor.pipeline.forecasts import Adaptation, Forecasts, RecordedForecast, may_be_forecast
from monitor.pipeline.intake import rows as intake
from monitor.pipeline.judging import Deadline, InForce, Judged, batches_of
from monitor.pipeline.passages import KnownPassages, Passage, gate_input, picture_key
from monitor.pipeline.pipeline import Pipeline
from monitor.plant.gates import GateConfig, ranks
from monitor.plant.plant import Plant
from monitor.plant.sources import PartSource
from monitor.store.commit import BatchWrite, provisional_arrival
from monitor.store.database.database import Connection, Store
from monitor.store.database.statements import tally_key
from monitor.store.delivery.outbox import recommendation
from monitor.store.rows import digests
from monitor.store.rows.decisions import (
    Said,
    StoredDecision,
    decided_visits,
    said_by,
    said_of_passages,
    stored_coordinates,
    stored_probabilities,
)
from monitor.store.rows.digests import StoredRow
from monitor.store.rows.parts import part_history
from monitor.store.rows.pictures import StoredPicture, picture_of
from monitor.store.rows.readings import last_arrival

ToJudge = tuple[Passage, PartInput, dict[str, int]]
"""A passage, its gate's input, and by step the arrival numbers of the rows that this was made from."""


class PartsPipeline(Pipeline):
    """Decides on the part steps of one source partition. Between pages only forecasts are in memory."""

    def __init__(
        self,
        store: Store,
        plant: Plant,
        plant_digest: str,
        source: str,
        in_force: Callable[[], Mapping[str, InForce]],
    ) -> None:
        self._store = store
        self._plant = plant
        self._digest = plant_digest
        self._source = source
        config = plant.sources[source]
        self._counts_visits = isinstance(config, PartSource) and config.visit is not None
        self._dated = config.dated
        self._in_force = in_force
        self._deadline = Deadline()
        self._forecasts = Forecasts()
        self._gates = {gate.step: name for name, gate in plant.gates.items()}
        self._ranks = ranks(plant.gates)
        self._used = {earlier.gate for gate in plant.gates.values() for earlier in gate.earlier}

    def process(self, page: Page, write: BatchWrite) -> None:
        """Fill `write` with the page's rows and decisions, made by the models in force at its start."""
        in_force = self._in_force()
        with self._store.read() as connection:
            # First: what is committed between two statements does not count, and a decision records that number.
            arrival = last_arrival(connection)
            history = part_history(connection, page.frame["serial"].tolist())
            decided = self._decided(connection, page)
            said = said_by(connection, self._used, page.frame["serial"].tolist())
        stored = digests.part_rows(history, self._source, self._counts_visits)
        for passed in decided:
            stored.setdefault(passed[:3] if self._counts_visits else passed, StoredRow())
        done = {passed[:3] for passed in decided}
        result = intake.classify(intake.part_rows(page, self._source, stored), stored, self._dated)
        known = KnownPassages(self._plant.max_ages(), [row for row in history if row.arrival <= arrival])
        to_decide: dict[str, list[tuple[Passage, Mapping[str, Passage]]]] = {}
        for accepted in result.accepted:
            passage = _passage(provisional_arrival(len(write.rows)), accepted.columns)
            earlier = known.before(passage.serial, passage.at)
            known.add(passage)
            write.rows.append({**accepted.columns, "revision": accepted.revision})
            for name, picture in page.pictures.get(accepted.index, {}).items():
                write.pictures.append(StoredPicture(passage.arrival, name, keep(picture)))
            gate = self._gates.get(passage.step)
            is_decided = (passage.serial, passage.step, passage.visit) in done
            if gate is not None and not is_decided and self._needs_decision(gate, passage, accepted.revision):
                to_decide.setdefault(gate, []).append((passage, earlier))
        self._decide_in_order(to_decide, said, in_force, write)
        self._settle(write, _visits(to_decide), arrival, in_force)
        reach("after_inference")
        for outcome, rows in result.outcomes():
            key = tally_key("gatewatch_source_rows_total", source=self._source, outcome=outcome)
            write.tallies[key] += rows

    def _decided(self, connection: Connection, page: Page) -> list[tuple[str, str, int, datetime]]:
        """The decided passages of the page's parts, as far as their rows may have been deleted: they keep their number
        and are not decided again."""
        if self._plant.store.retention.parts is None:
            return []
        return decided_visits(connection, page.frame["serial"].tolist())

    def _needs_decision(self, gate: str, passage: Passage, revision: int) -> bool:
        # A correction is stored as a revision and never decided again; parts from before the gate are history.
        since = self._plant.gates[gate].since
        return revision == 0 and (since is None or passage.at >= since)

    def _decide_in_order(
        self,
        to_decide: Mapping[str, Sequence[tuple[Passage, Mapping[str, Passage]]]],
        said: Said,
        in_force: Mapping[str, InForce],
        write: BatchWrite,
    ) -> None:
        """Decide gate by gate, each after those whose predictions it uses: a part may pass several steps in a page."""
        for gate in sorted(to_decide, key=self._ranks.__getitem__):
            config = self._plant.gates[gate]
            known = {**said, **said_of_passages(write.decisions)} if config.earlier else said
            parts = [(passage, *gate_input(config, passage, earlier, known)) for passage, earlier in to_decide[gate]]
            self._decide(gate, parts, in_force[gate], write)

    def _decide(
        self,
        gate: str,
        parts: Sequence[ToJudge],
        used: InForce,
        write: BatchWrite,
    ) -> None:
        config = self._plant.gates[gate]
        adapted, rule_at = self._adaptation(gate, config, used, write.now), self._plant.rules_of(config)
        judged: Judged = []
        for batch in batches_of(config, parts):
            judged += self._judge(config, used, self._with_pictures(config, batch, write.pictures), adapted)
        known = self._forecast(gate, config, [decision for _, decision in judged], write.now)
        for (passage, _, inputs), (prediction, held) in zip(parts, judged, strict=True):
            decision, record = held, None
            if known is not None and known.may_replace(held):
                decision = known.decide(held, rule_at(passage.at), config)
                record = known.record(held.reason)
            row = self._row(gate, passage, inputs, used, prediction, decision, write.now)._replace(forecast=record)
            if adapted is not None and prediction is not None:
                row = row._replace(adapted=adapted.record())
            write.decisions.append(row)

    def _settle(self, write: BatchWrite, visits: Visits, arrival: int, in_force: Mapping[str, InForce]) -> None:
        """Let the decisions stand in the order of their rows, count them, and recommend what they say."""
        made = sorted(write.decisions, key=lambda row: -row.arrival)
        write.decisions = settle_page(self._store, self._plant, made, visits, arrival, provisional_arrival(0))
        for row in write.decisions:
            key = tally_key("gatewatch_gate_decisions_total", gate=row.gate, verdict=row.verdict, reason=row.reason)
            write.tallies[key] += 1
            if self._plant.write_back:
                coverage = _coverage(in_force[row.gate], row, self._plant.gates[row.gate])
                write.outbox.append(recommendation(self._plant.site, row, coverage))

    def _judge(
        self, config: GateConfig, used: InForce, parts: Sequence[PartInput], adapted: Adaptation | None
    ) -> Judged:
        """What the model says of the parts; they are held where it takes too long."""
        rule_at, (scale, freedom) = self._plant.rules_of(config), Adaptation.as_used(adapted)

        def judge_parts(refused: Reason | None) -> Judged:
            return judge(
                used.model,
                refused,
                parts,
                rule_at,
                config.rework_band(),
                used.withheld,
                scale,
                config.priced(),
                freedom,
            )

        judged = self._deadline.call(lambda: judge_parts(used.refused), config.timeout)
        return judge_parts(Reason.TIMEOUT) if judged is None else judged

    def _with_pictures(
        self, gate: GateConfig, parts: Sequence[ToJudge], new: Sequence[StoredPicture]
    ) -> list[PartInput]:
        """The inputs of the parts; of a gate of pictures with the picture of each, from this page or the store."""
        if gate.picture is None:
            return [part for _, part, _ in parts]
        here = {(picture.arrival, picture.name): picture.png for picture in new}
        with self._store.read() as connection:
            keys = [picture_key(gate, inputs) for _, _, inputs in parts]
            pictures = [
                None if key is None else here[key] if key in here else picture_of(connection, *key) for key in keys
            ]
        return [replace(part, picture=picture) for (_, part, _), picture in zip(parts, pictures, strict=True)]

    def _forecast(
        self, gate: str, config: GateConfig, decisions: Sequence[Decision], now: datetime
    ) -> RecordedForecast | None:
        """The gate's forecast, if some part is held for a reason that it could replace."""
        if not config.forecast or not any(map(may_be_forecast, decisions)):
            return None
        with self._store.read() as connection:
            return self._forecasts.of(connection, gate, config, now, self._plant.classes_of(config))

    def _adaptation(self, gate: str, config: GateConfig, used: InForce, now: datetime) -> Adaptation | None:
        """How the intervals of the gate's model follow its outcomes, if it has a model that predicts numbers."""
        if config.of_classes or used.model is None or used.refused is not None:
            return None
        with self._store.read() as connection:
            held_out = None if config.costs is None else used.held_out
            return self._forecasts.adaptation(connection, gate, config, used.digest, now, held_out)

    def _row(
        self,
        gate: str,
        passage: Passage,
        inputs: Mapping[str, int],
        used: InForce,
        prediction: Prediction | None,
        decision: Decision,
        now: datetime,
    ) -> StoredDecision:
        step, p = self._plant.steps[passage.step], prediction
        return StoredDecision(
            serial=passage.serial, step=passage.step, visit=passage.visit, revision=0, gate=gate,
            arrival=passage.arrival, inputs=dict(inputs), characteristic=self._plant.gates[gate].characteristic,
            model=used.name, version=used.version, model_digest=used.digest, plant_digest=self._digest,
            predicted=p.value if p else None, lower=p.lower if p else None, upper=p.upper if p else None,
            distance=p.distance if p else None, distance_limit=p.distance_limit if p else None,
            verdict=decision.verdict.value,
            reason=decision.reason.value, on_hold=step.on_hold if decision.verdict is Verdict.HOLD else "",
            decided_at=now, at=passage.at, withheld=used.withheld.value if used.withheld else "",
            probabilities=stored_probabilities(p), costs=decision.record(),
            adjustment=None if decision.adjustment is None else decision.adjustment.record(),
            coordinates=stored_coordinates(p),
        )  # fmt: skip


def _visits(parts: Mapping[str, Sequence[tuple[Passage, Mapping[str, Passage]]]]) -> Visits:
    """Of each row to decide on, the visit of the part's newest earlier passage through each step."""
    return {
        passage.arrival: {step: other.visit for step, other in earlier.items()}
        for of_gate in parts.values()
        for passage, earlier in of_gate
    }


def _coverage(used: InForce, decision: StoredDecision, config: GateConfig) -> float | None:
    """The nominal coverage of the interval that decided."""
    if decision.reason == Reason.FORECAST:
        return config.coverage
    return used.model.coverage if used.model else None


def _passage(arrival: int, row: intake.Columns) -> Passage:
    names = "serial", "step", "visit", "at", "values", "machine", "recipe", "lot"
    return Passage(arrival, *(row[name] for name in names))
