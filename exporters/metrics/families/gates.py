"""Check gates: decisions, the model in force, and its retraining."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from exporters.metrics.shared.budget import GATES, ONE
from exporters.metrics.shared.labels import DIGEST, GATE, enum_label
from exporters.metrics.shared.metric import (
    DIGEST_DIGITS,
    Bounds,
    Kind,
    Label,
    Metric,
    Scrape,
    Series,
    counter,
    gauge,
    seconds,
    timestamp,
)
from exporters.metrics.shared.snapshot import GateRow, MetricsSnapshot
from monitor.model import Reason, RetrainingReason, RetrainingState, Verdict
from monitor.plant.gates import GateConfig
from monitor.statuses import Answer

RECOMMENDED = {
    Verdict.CONTINUE: (Reason.IN_SPEC, Reason.FORECAST),
    Verdict.CORRECT: (Reason.REWORKABLE, Reason.ADJUSTABLE, Reason.FORECAST),
    Verdict.SCRAP: (Reason.OUT_OF_SPEC,),
}
HOLD_REASONS = tuple(r for r in Reason if all(r not in reasons for reasons in RECOMMENDED.values()))
_DECIDED = [(v, r) for v, reasons in (RECOMMENDED | {Verdict.HOLD: HOLD_REASONS}).items() for r in reasons]
RETRAINING_ENDS = {
    RetrainingState.PROMOTED: (RetrainingReason.BETTER,),
    RetrainingState.REFUSED: (
        RetrainingReason.NOT_FIRING, RetrainingReason.DISABLED, RetrainingReason.NO_CHAMPION,
        RetrainingReason.NOT_BETTER, RetrainingReason.INTERVALS_FAIL, RetrainingReason.WORSE_IN_A_SLICE,
        RetrainingReason.WORSE_THAN_FORECAST,
        RetrainingReason.TOO_FEW_ROWS, RetrainingReason.TOO_FEW_LOTS, RetrainingReason.CHAMPION_CHANGED,
        RetrainingReason.CHAMPION_UNUSABLE,
    ),
    RetrainingState.FAILED: (RetrainingReason.TRAINING_FAILED, RetrainingReason.GATE_REMOVED),
    RetrainingState.ROLLED_BACK: (RetrainingReason.BY_A_PERSON,),
}  # fmt: skip
_ENDED = [(state, reason) for state, reasons in RETRAINING_ENDS.items() for reason in reasons]
VERDICT = enum_label("verdict", Verdict, "fixed list of verdicts")
TRUTH = Label(
    "truth",
    "what the outcome says would have been right",
    (Verdict.CONTINUE.value, Verdict.CORRECT.value, Verdict.SCRAP.value),
)
REASON = enum_label("reason", Reason, "fixed list of reasons of a decision")
RETRAINING_END = Label("state", "fixed list of results", tuple(state.value for state in RETRAINING_ENDS))
RETRAINING_REASON = enum_label("reason", RetrainingReason, "fixed list of reasons of retraining")
RETRAINING_OPEN = Label(
    "state", "fixed list of states of an open request",
    tuple(s.value for s in RetrainingState if s not in RETRAINING_ENDS),
)  # fmt: skip
ANSWER = enum_label("answer", Answer, "fixed list: whether people did what was recommended")
MODEL = Label("model", "model names of the plant file", most=ONE)
VERSION = Label("version", "the version in force", most=ONE)
_MIN_DECISIONS = 20
"""The minimum number of decisions for a ratio."""
_MIN_OUTCOMES = 20
"""The minimum number of outcomes for a share."""


def decision_labels(bounds: Bounds) -> Iterable[tuple[str, ...]]:
    """Gate, verdict and reason in every combination that a gate can decide."""
    return ((gate, v.value, r.value) for gate in bounds.plant.gates for v, r in _DECIDED)


def retraining_ends(bounds: Bounds) -> Iterable[tuple[str, ...]]:
    """Gate, state and reason in every combination in which a request to retrain can end."""
    return ((gate, state.value, reason.value) for gate in bounds.plant.gates for state, reason in _ENDED)


def answer_labels(bounds: Bounds) -> Iterable[tuple[str, ...]]:
    """Gate, verdict and answer for everything that can be recommended."""
    return ((gate, v.value, a.value) for gate in bounds.plant.gates for v in RECOMMENDED for a in Answer)


METRICS: tuple[Metric, ...] = (
    Metric("gatewatch_gate_decisions_total", Kind.COUNTER, "Decisions of a gate by verdict and reason.",
           (GATE, VERDICT, REASON), tallied=True, starts=decision_labels, most=GATES * len(_DECIDED)),
    Metric("gatewatch_gate_model_info", Kind.INFO, "The model in force.", (GATE, MODEL, VERSION, DIGEST)),
    counter("gatewatch_gate_model_changes_total", "Changes of the model in force.", GATE),
    timestamp("gatewatch_gate_model_since", "When the model was put in force", GATE),
    gauge("gatewatch_gate_interval_width", "Mean width of the prediction intervals of the newest decisions, in "
          "the unit of the characteristic; absent where it is a class.", GATE),
    gauge("gatewatch_gate_out_of_service", "1 if a gate has no verified model with skill to decide by, else 0; also 0 "
          "while it learns.", GATE),
    gauge("gatewatch_gate_learning", "1 while a gate has never had a model and has too few outcomes to train one, "
          "else 0.", GATE),
    gauge("gatewatch_gate_outcomes", "Parts with an outcome of the gate's characteristic.", GATE, tallied=True),
    gauge("gatewatch_gate_outcomes_needed", "Parts with an outcome that the first model needs.", GATE),
    gauge("gatewatch_gate_outcomes_behind_seconds", "For how long the gate has decided on parts without a new "
          "outcome; before the first outcome, since 4 days after the first decision.", GATE, unit="seconds",
          tallied=True),
    gauge("gatewatch_gate_outcomes_looked_at", "The newest outcomes of the gate's characteristic (at most 100) for "
          "which a passage was looked for.", GATE, tallied=True),
    gauge("gatewatch_gate_outcomes_unmatched", "How many of these belong to no passage of the gate's step.", GATE,
          tallied=True),
    gauge("gatewatch_gate_outcomes_unmatched_ratio", "Their share; absent below 20 outcomes.", GATE, unit="ratio"),
    gauge("gatewatch_gate_hold_ratio", "Share of holds among the newest decisions, not counting those without a model "
          "before the first; absent below 20 decisions.", GATE,
          unit="ratio"),
    gauge("gatewatch_gate_scrap_ratio", "Share of scrap among the newest decisions, also where it was held "
          "(scrap_unconfirmed, scrap_surge); absent below 20 decisions.", GATE, unit="ratio"),
    counter("gatewatch_gate_verdict_outcomes_total", "First outcomes of decided parts, by what the gate recommended "
            "last before the outcome and by what that outcome says would have been right.", GATE, VERDICT, TRUTH,
            tallied=True),
    Metric("gatewatch_gate_dispositions_total", Kind.COUNTER, "Dispositions of parts by people, by what the gate had "
           "recommended last for the part before and whether people followed it or overrode it. Each counts once, as "
           "it was first recorded; a hold recommends nothing.", (GATE, VERDICT, ANSWER), tallied=True,
           starts=answer_labels, most=GATES * (len(RECOMMENDED) * len(Answer))),
    timestamp("gatewatch_gate_last_decision", "When the gate last decided", GATE),
    Metric("gatewatch_retraining_requests_total", Kind.COUNTER, "Completed requests to retrain by result and reason.",
           (GATE, RETRAINING_END, RETRAINING_REASON), tallied=True, starts=retraining_ends,
           most=GATES * len(_ENDED)),
    gauge("gatewatch_retraining_open", "Requests to retrain that are waiting or in progress.", GATE, RETRAINING_OPEN,
          tallied=True),
    Metric("gatewatch_retraining_last_end_timestamp_seconds", Kind.GAUGE,
           "When a retraining or rollback of the gate last ended, in seconds since 1970 UTC.", (GATE,), "seconds",
           tallied=True),
)  # fmt: skip


def outcomes_by_gate(snapshot: MetricsSnapshot) -> Counter[str]:
    """Parts with an outcome by gate, as last counted."""
    counts: Counter[str] = Counter()
    for row in snapshot.tallies:
        if row.name == "gatewatch_gate_outcomes":
            counts[row.labels.get("gate", "")] = int(row.value or 0)
    return counts


def learns(row: GateRow | None, outcomes: int, config: GateConfig) -> bool:
    """Whether a gate has never had a model and has too few outcomes to train one: no fault, it takes its time."""
    never = row is None or (not row.version and not row.changes)
    return never and outcomes < config.training.min_outcomes


def _unmatched(snapshot: MetricsSnapshot, bounds: Bounds) -> Series:
    """The share of the newest outcomes that belong to no passage."""
    names = ("gatewatch_gate_outcomes_unmatched", "gatewatch_gate_outcomes_looked_at")
    rows = [row for row in snapshot.tallies if row.name in names]
    values = {(row.name, row.labels.get("gate", "")): row.value or 0.0 for row in rows}
    for gate in bounds.plant.gates:
        unmatched, looked_at = (values.get((name, gate), 0.0) for name in names)
        if looked_at >= _MIN_OUTCOMES:
            yield "gatewatch_gate_outcomes_unmatched_ratio", (gate,), unmatched / looked_at


def series(scrape: Scrape) -> Series:
    """The model in force of each gate, and ratios of its newest decisions."""
    snapshot, bounds = scrape.snapshot, scrape.bounds
    rows = {row.gate: row for row in snapshot.gates}
    outcomes = outcomes_by_gate(snapshot)
    for gate, config in bounds.plant.gates.items():
        row = rows.get(gate)
        out = row is None or not row.version or row.refused != ""
        learning = learns(row, outcomes[gate], config)
        yield "gatewatch_gate_out_of_service", (gate,), float(out and not learning)
        yield "gatewatch_gate_learning", (gate,), float(learning)
        yield "gatewatch_gate_outcomes_needed", (gate,), float(config.training.min_outcomes)
    yield from _unmatched(snapshot, bounds)
    for row in snapshot.gates:
        label = (row.gate,)
        if row.version:
            digest = row.digest[:DIGEST_DIGITS]
            yield "gatewatch_gate_model_info", (row.gate, row.model, row.version, digest), 1.0
            yield "gatewatch_gate_model_since_timestamp_seconds", label, seconds(row.since)
        yield "gatewatch_gate_model_changes_total", label, row.changes
        known = bounds.plant.gates.get(row.gate)
        if known is None or not known.of_classes:
            yield "gatewatch_gate_interval_width", label, row.interval_width
        if row.recent >= _MIN_DECISIONS:
            yield "gatewatch_gate_hold_ratio", label, row.holds / row.recent
            yield "gatewatch_gate_scrap_ratio", label, row.scraps / row.recent
        yield "gatewatch_gate_last_decision_timestamp_seconds", label, seconds(row.last_decision_at)
