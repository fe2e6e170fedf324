"""Check gates: decisions, the model in force, and its retraining."""

from __future__ import annotations

from collections.abc import Iterable

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
from monitor.model import Reason, RetrainingReason, RetrainingState, Verdict

RECOMMENDED = {
    Verdict.CONTINUE: (Reason.IN_SPEC,),
    Verdict.CORRECT: (Reason.REWORKABLE,),
    Verdict.SCRAP: (Reason.OUT_OF_SPEC,),
}
HOLD_REASONS = tuple(r for r in Reason if all(r not in reasons for reasons in RECOMMENDED.values()))
RETRAINING_ENDS = {
    RetrainingState.PROMOTED: (RetrainingReason.BETTER,),
    RetrainingState.REFUSED: (
        RetrainingReason.NOT_FIRING, RetrainingReason.DISABLED, RetrainingReason.NO_CHAMPION,
        RetrainingReason.NOT_BETTER, RetrainingReason.INTERVALS_FAIL, RetrainingReason.WORSE_IN_A_SLICE,
        RetrainingReason.TOO_FEW_ROWS, RetrainingReason.TOO_FEW_LOTS, RetrainingReason.CHAMPION_CHANGED,
        RetrainingReason.CHAMPION_UNUSABLE,
    ),
    RetrainingState.FAILED: (RetrainingReason.TRAINING_FAILED, RetrainingReason.GATE_REMOVED),
    RetrainingState.ROLLED_BACK: (RetrainingReason.BY_A_PERSON,),
}  # fmt: skip
VERDICT = enum_label("verdict", Verdict, "fixed list of verdicts")
REASON = enum_label("reason", Reason, "fixed list of reasons of a decision")
RETRAINING_END = Label("state", "fixed list of results", tuple(state.value for state in RETRAINING_ENDS))
RETRAINING_REASON = enum_label("reason", RetrainingReason, "fixed list of reasons of retraining")
RETRAINING_OPEN = Label(
    "state", "fixed list of states of an open request",
    tuple(s.value for s in RetrainingState if s not in RETRAINING_ENDS),
)  # fmt: skip
MODEL = Label("model", "model names of the plant file")
VERSION = Label("version", "the version in force")
_MIN_DECISIONS = 20
"""The minimum number of decisions for a ratio."""
_WITHOUT_MODEL = (Reason.NO_MODEL, Reason.BAD_MODEL, Reason.NO_SKILL)


def decision_labels(bounds: Bounds) -> Iterable[tuple[str, ...]]:
    """Gate, verdict and reason in every combination that a gate can decide."""
    pairs = [(v, r) for v, reasons in (RECOMMENDED | {Verdict.HOLD: HOLD_REASONS}).items() for r in reasons]
    return ((gate, v.value, r.value) for gate in bounds.plant.gates for v, r in pairs)


def retraining_ends(bounds: Bounds) -> Iterable[tuple[str, ...]]:
    """Gate, state and reason in every combination in which a request to retrain can end."""
    pairs = [(state, reason) for state, reasons in RETRAINING_ENDS.items() for reason in reasons]
    return ((gate, state.value, reason.value) for gate in bounds.plant.gates for state, reason in pairs)


METRICS: tuple[Metric, ...] = (
    Metric("gatewatch_gate_decisions_total", Kind.COUNTER, "Decisions of a gate by verdict and reason.",
           (GATE, VERDICT, REASON), tallied=True, starts=decision_labels),
    Metric("gatewatch_gate_model_info", Kind.INFO, "The model in force.", (GATE, MODEL, VERSION, DIGEST)),
    counter("gatewatch_gate_model_changes_total", "Changes of the model in force.", GATE),
    timestamp("gatewatch_gate_model_since", "When the model was put in force", GATE),
    gauge("gatewatch_gate_interval_width", "Mean width of the prediction intervals of the newest decisions, in "
          "the unit of the characteristic.", GATE),
    gauge("gatewatch_gate_out_of_service", "1 if a gate holds every part because it has no verified model with skill, "
          "else 0.", GATE),
    gauge("gatewatch_gate_hold_ratio", "Share of holds among the newest decisions; absent below 20 decisions.", GATE,
          unit="ratio"),
    gauge("gatewatch_gate_scrap_ratio", "Share of scrap among the newest decisions; absent below 20 decisions.", GATE,
          unit="ratio"),
    timestamp("gatewatch_gate_last_decision", "When the gate last decided", GATE),
    Metric("gatewatch_retraining_requests_total", Kind.COUNTER, "Completed requests to retrain by result and reason.",
           (GATE, RETRAINING_END, RETRAINING_REASON), tallied=True, starts=retraining_ends),
    gauge("gatewatch_retraining_open", "Requests to retrain that are waiting or in progress.", GATE, RETRAINING_OPEN,
          tallied=True),
    Metric("gatewatch_retraining_last_end_timestamp_seconds", Kind.GAUGE,
           "When a retraining or rollback of the gate last ended, in seconds since 1970 UTC.", (GATE,), "seconds",
           tallied=True),
)  # fmt: skip


def series(scrape: Scrape) -> Series:
    """The model in force of each gate, and ratios of its newest decisions."""
    snapshot, bounds = scrape.snapshot, scrape.bounds
    rows = {row.gate: row for row in snapshot.gates}
    for gate in bounds.plant.gates:
        row = rows.get(gate)
        out = row is None or not row.version or row.refused in _WITHOUT_MODEL
        yield "gatewatch_gate_out_of_service", (gate,), float(out)
    for row in snapshot.gates:
        label = (row.gate,)
        if row.version:
            digest = row.digest[:DIGEST_DIGITS]
            yield "gatewatch_gate_model_info", (row.gate, row.model, row.version, digest), 1.0
            yield "gatewatch_gate_model_since_timestamp_seconds", label, seconds(row.since)
        yield "gatewatch_gate_model_changes_total", label, row.changes
        yield "gatewatch_gate_interval_width", label, row.interval_width
        if row.recent >= _MIN_DECISIONS:
            yield "gatewatch_gate_hold_ratio", label, row.holds / row.recent
            yield "gatewatch_gate_scrap_ratio", label, row.scraps / row.recent
        yield "gatewatch_gate_last_decision_timestamp_seconds", label, seconds(row.last_decision_at)
