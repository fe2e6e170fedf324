"""What a scrap by cost rests on beside the gate's own prediction, and whether the part is audited, as clauses. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from exporters.html.formatting import format_value
from monitor.model import JsonObject, Reason
from monitor.store.rows.decisions import StoredDecision


def signal_clauses(row: StoredDecision) -> Iterator[str]:
    """What confirmed a scrap, or why it is held, and that the part is audited; none where a decision has no signals."""
    known = row.signals or {}
    said = [_signal(one) for one in known.get("confirmed_by", ())]
    if row.reason == Reason.SCRAP_UNCONFIRMED:
        yield "no second signal agrees that it is a scrap, so a person decides"
    elif said:
        yield f"confirmed by {' and '.join(said)}"
    if row.reason == Reason.SCRAP_SURGE and "newest" in known:
        newest = known["newest"]
        yield f"scraps surge, {newest['scraps']} of the newest {newest['decisions']}, so a person decides"
    if known.get("audit"):
        yield "to be inspected all the same (audit)"


def _signal(signal: JsonObject) -> str:
    if signal["signal"] == "outcome":
        return f"the outcome {signal['characteristic']} {format_value(signal['value'])}"
    return f"gate {signal['gate']} at {signal['step']}, visit {signal['visit']} ({signal['reason']})"
