"""Every alert as its message when it fires and when it is over, in each language, against a golden file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from notify_histories import History

from alerting.notifications.describe import MessageContext
from alerting.notifications.languages.sentences import LANGUAGES, Said, shipped
from alerting.notifications.text import message_text
from alerting.specs.roster import ALERTS
from alerting.specs.spec import AlertSpec, Unit

GOLDEN = Path(__file__).parents[1] / "golden" / "messages"
DETAILS = {
    "MachineOutOfSpec": [
        Said("outside_high", {"sensor": "temperature"}, {"value": (25.3, "degC"), "limit": (20.0, Unit.NUMBER)})
    ],
    "MachineWearing": [
        Said(
            "between",
            {"sensor": "vibration"},
            {"likely": (12000.0, Unit.AGE), "earliest": (5400.0, Unit.AGE), "latest": (25200.0, Unit.AGE)},
        )
    ],
    "MachineUnwatched": [Said("compared_with_nothing", {}, {"rows": (1200.0, Unit.NUMBER)})],
    "ClockStepped": [Said("set_back", {}, {"by": (3600.0, Unit.AGE)})],
    "SourceRowsRefused": [Said("refused_value", {"column": "temp", "text": "n/a", "reason": "not_a_number"})],
    "JobFailing": [Said("quoted", {"text": "the connection was refused"})],
    "GateOutOfService": [Said("reason", {"reason": "no_model"})],
    "SensorDead": [Said("sensor", {"sensor": "oil"}), Said("sensor", {"sensor": "vibration"})],
    "DataDrift": [Said("sensor", {"sensor": "hardness"})],
}
AMOUNTS = {Unit.SHARE: (0.82, 0.5), Unit.AGE: (18720.0, 7200.0), Unit.NUMBER: (12.0, 1.0)}
PLACES = {"machine": "mill-2", "step": "machining", "gate": "width"}


def episode(spec: AlertSpec) -> dict[str, object]:
    details = list(DETAILS.get(spec.name, ()))
    if spec.measured:
        value, limit = AMOUNTS[spec.unit]
        amounts = {"value": (value, spec.unit), "limit": (limit, spec.unit), "newest": (100.0, Unit.NUMBER)}
        details.append(Said("reads", {}, amounts))
    placed = {"step": "machining", "line": "blades"} if spec.kind in PLACES else {"step": "", "line": ""}
    return {"severity": spec.severity, "team": spec.team, "details": tuple(details), **placed}


def written(language: str) -> str:
    """Each alert when it fires, and at its end."""
    pages = "https://gatewatch.example/"
    context = MessageContext("north", lambda _: "", lambda _: shipped(language), pages, zone="Europe/Berlin")
    texts = []
    for spec in ALERTS:
        history = History()
        likely = (Said("cause_lot", {"subject": "forging", "names": "HT0012"}),) if spec.name == "DataDrift" else ()
        history.fire(spec.name, PLACES.get(spec.kind, "mes"), at=485, likely=likely, **episode(spec))
        for at in (490, 620, 660):
            texts += [text for message in history.tell(at) for text in [message_text(message, context)]]
            if at == 490:
                history.end(1, 615)
    return "\n\n".join(f"{text.title}\n\n{text.body}" for text in texts) + "\n"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_alert_reads_as_it_did(language: str) -> None:
    file, text = GOLDEN / f"{language}.txt", written(language)
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), "if meant: UPDATE_GOLDEN=1 pytest, then look at the difference"
