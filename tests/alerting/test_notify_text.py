"""The words of a notification, as they leave the process."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from notify_histories import RULES, History, after

from alerting.notifications.decide import Message
from alerting.notifications.describe import MessageContext
from alerting.notifications.languages.sentences import Said, shipped
from alerting.notifications.text import message_text
from alerting.specs.roster import BY_NAME

PLACE = MessageContext("plant 1", lambda subject: {"m1": "press"}.get(subject, ""), lambda team: shipped("en"))
OUT, DEAD, ODD = "MachineOutOfSpec", "SensorDead", "MachineAnomalous"
HOT = Said("outside_high", {"sensor": "temperature"}, {"value": (25.3, "degC"), "limit": (20.0, "number")})
COLD = Said("outside_low", {"sensor": "oil"}, {"value": (-0.5, "bar"), "limit": (1.25, "number")})


def one(history: History, at: float) -> Message:
    """The one message due."""
    (message,) = history.tell(at)
    return message


def test_a_new_alert_says_what_where_since_when_how_much_what_to_do_and_why() -> None:
    history = History()
    history.fire(OUT, severity="critical", details=(HOT, COLD), likely=(Said("cause_machine", {"subject": "m1"}),))
    text = message_text(one(history, 15), PLACE)
    assert text.title == "critical: m1 temperature 25.3 degC, high limit 20, line l1, site plant 1"
    assert text.body == (
        "critical: m1 temperature 25.3 degC, high limit 20; oil -0.5 bar, low limit 1.25, since 06:00 UTC; "
        "step press, line l1\n"
        f"  Do: {BY_NAME[OUT].action}\n"
        "  Runbook: docs/runbooks/MachineOutOfSpec.md\n"
        "  Likely cause: machine m1\n"
        f"  Cause: {BY_NAME[OUT].cause}\n"
        "line l1, site plant 1; for operators\n"
        "\n"
        "id operators:l1:20260302T061500Z-1:1"
    )


def test_what_else_a_cause_may_be_is_said_in_the_language_of_the_team() -> None:
    history = History()
    likely = (
        Said("cause_lot", {"subject": "forging", "names": "HT1, HT2"}),
        Said("cause_camera", {"subject": "press"}),
    )
    history.fire("DataDrift", "press", likely=likely)
    german = replace(PLACE, words_of=lambda team: shipped("de"))
    body = message_text(one(history, 15), german).body
    assert "  Wahrscheinliche Ursache: Materiallos HT1, HT2 bei forging, oder die Kamera bei press\n" in body


def test_with_an_address_it_leads_to_the_pages_and_with_a_zone_it_says_both_times() -> None:
    history = History()
    history.fire(OUT, "press 1/a", details=(HOT,))
    context = replace(PLACE, pages="https://gatewatch.example/", zone="Europe/Berlin")
    body = message_text(one(history, 15), context).body.splitlines()
    assert body[0].endswith("since 07:00 (06:00 UTC); line l1")
    assert body[2:4] == [
        "  Page: https://gatewatch.example/subjects/press%201%2Fa",
        "  Runbook: https://gatewatch.example/runbooks/MachineOutOfSpec",
    ]


def test_a_time_of_another_day_has_its_date() -> None:
    history = History()
    history.fire(OUT, at=-600)
    assert "since 2026-03-01 20:00 UTC" in message_text(one(history, 15), PLACE).body


MEASURED = {
    "HoldRateHigh": ((0.82, "share"), (0.5, "share"), "82 % of the newest 100 decisions are holds, limit 50 %"),
    "SourceStale": ((18720.0, "age"), (7200.0, "age"), "the newest row is 5.2 h old, allowed 2 h"),
    "ReconciliationGap": ((12.0, "number"), (0.0, "number"), "12 rows are missing, none should be"),
    "DataDrift": ((1.8, "number"), (1.0, "number"), "the worst is 1.8 times its limit"),
    "DeliveryLate": ((3601.0, "age"), (3600.0, "age"), "the oldest has waited 1.0003 h, allowed 1 h"),
}


@pytest.mark.parametrize("name", MEASURED)
def test_a_share_a_count_and_an_age_are_said_in_words(name: str) -> None:
    value, limit, words = MEASURED[name]
    history = History()
    history.fire(name, details=(Said("reads", {}, {"value": value, "limit": limit, "newest": (100.0, "number")}),))
    assert f": {words}, since " in message_text(one(history, 15), PLACE).body.splitlines()[0]


def test_what_was_told_before_details_were_kept_says_its_summary() -> None:
    history = History()
    history.fire(OUT, summary="machine m1 runs outside its limits: heat is 75, limit 60")
    body = message_text(one(history, 15), PLACE).body
    assert body.startswith("warning: machine m1 runs outside its limits: heat is 75, limit 60, since")


def test_what_follows_says_what_is_over_and_what_is_still_on() -> None:
    history = History()
    history.fire(OUT, severity="critical", details=(HOT,))
    history.fire(ODD, "m2", 1)
    history.tell(1)
    history.end(2, 131)
    history.fire(DEAD, "m2", 140)
    text = message_text(one(history, 140), PLACE)
    assert text.title == "also warning: a sensor of machine m2 delivers no values, line l1, site plant 1"
    lines = [line for line in text.body.splitlines() if not line.startswith("  ")]
    assert lines[1:3] == [
        "over after 2 h 10 min: warning: the sensors of machine m2 have left their normal pattern, "
        "06:01 UTC to 08:11 UTC",
        "still on: critical: m1 temperature 25.3 degC, high limit 20, since 06:00 UTC",
    ]


def test_an_end_is_short_and_says_how_long_it_was() -> None:
    history = History()
    history.fire(OUT, severity="critical", details=(HOT,))
    history.tell(0)
    history.end(1, 20)
    text = message_text(one(history, 25), PLACE)
    assert text.title == "over: critical: m1 temperature 25.3 degC, high limit 20, line l1, site plant 1"
    assert text.body.splitlines()[0] == (
        "over after 20 min: critical: m1 temperature 25.3 degC, high limit 20, 06:00 UTC to 06:20 UTC"
    )


def test_one_that_came_and_went_is_told_whole() -> None:
    history = History()
    history.fire(OUT)
    history.end(1, 3)
    text = message_text(one(history, 15), PLACE)
    assert text.title == "over: warning: machine m1 runs outside its operating limits, line l1, site plant 1"
    assert "06:00 UTC to 06:03 UTC, over after 3 min" in text.body
    assert f"Do: {BY_NAME[OUT].action}" in text.body


def test_a_repeat_says_again_what_to_do() -> None:
    history = History()
    history.fire(OUT, severity="critical")
    history.tell(0)
    text = message_text(one(history, 720), PLACE)
    assert text.title.startswith("still critical: machine m1 runs outside")
    assert f"Do: {BY_NAME[OUT].action}" in text.body


def test_the_worst_stands_first() -> None:
    history = History()
    history.fire(ODD, "m2")
    history.fire(OUT, "m1", severity="critical", details=(HOT,))
    text = message_text(one(history, 0), PLACE)
    assert text.title == "critical: m1 temperature 25.3 degC, high limit 20 and 1 more, line l1, site plant 1"


def test_a_subject_without_a_line_names_the_site_alone() -> None:
    history = History()
    history.fire("JobFailing", "pull:mes:all", team="platform", line="")
    assert message_text(one(history, 0), PLACE).title == "warning: job pull:mes:all fails, site plant 1"


def test_several_lines_at_once_are_one_text_under_one_id() -> None:
    history = History(replace(RULES, flood=1000))
    for n in range(11):
        history.fire(ODD, f"m{n}", line=f"l{n:02d}")
    text = message_text(history.tell(0)[-1], PLACE)
    assert text.title.startswith("2 lines of site plant 1 at once: warning: the sensors of machine m9 have left")
    assert text.title.endswith(", line l09, site plant 1, ...")
    assert text.body.count("for operators") == 2
    assert text.body.endswith("\n\nid operators:+:20260302T060000Z")


def test_a_thousand_alerts_are_a_text_that_can_be_read() -> None:
    history = History()
    for n in range(1000):
        history.fire(OUT, f"m{n}" + "x" * 5000, summary="x" * 5000, details=(Said("quoted", {"text": "y" * 5000}),))
    body = message_text(one(history, 0), PLACE).body
    assert len(body) < 7000
    assert "new: 980 more, see 'gatewatch alerts list'" in body


def test_every_critical_subject_of_a_flood_is_named() -> None:
    history = History()
    for n in range(125):
        history.fire(OUT, f"mill-{n}", severity="critical")
    body = message_text(one(history, 0), PLACE).body
    assert [n for n in range(125) if f"mill-{n} " not in body.replace(",", " ").replace("\n", " \n")] == []
    assert len(body) < 8000


CONTROL = [c for c in map(chr, range(0x2100)) if not c.isprintable()]
HOSTILE = st.text(st.one_of(st.sampled_from([*CONTROL, "{", "}", "%", "<", "/"]), st.characters()), max_size=300)


@given(HOSTILE, HOSTILE, HOSTILE, st.sampled_from(["en", "de"]))
@settings(max_examples=80, deadline=None)
@pytest.mark.slow
def test_names_from_data_steer_nothing(name: str, detail: str, site: str, language: str) -> None:
    """No line break forges a line, nothing turns text round or colours it, no placeholder is filled, all is short."""
    history = History()
    hot = HOT._replace(names={"sensor": detail}, amounts={"value": (1.0, detail), "limit": (0.0, "number")})
    history.fire("Unknown", name, summary=name)
    history.fire(OUT, name, at=1, step=detail, details=(hot, Said("quoted", {"text": detail})))
    context = MessageContext(site, lambda subject: site, lambda team: shipped(language), "https://gatewatch.example/")
    text = message_text(one(history, 2), context)
    told = MessageContext("s", lambda subject: "s", lambda team: shipped(language), "https://gatewatch.example/")
    plain = History()
    plain.fire("Unknown", "m", summary="m")
    plain.fire(OUT, "m", at=1, step="t", details=(HOT, Said("quoted", {"text": "d"})))
    assert text.body.count("\n") == message_text(one(plain, 2), told).body.count("\n")
    for c in text.title + text.body.replace("\n", ""):
        assert c.isprintable(), repr(c)
    assert len(text.title) < 900
    assert len(text.body) < 6000
    (text.title + text.body).encode()


def test_letters_of_any_language_stay() -> None:
    history = History()
    history.fire(OUT, "Presse Süd 3")
    assert "machine Presse Süd 3 runs" in message_text(one(history, 0), PLACE).title


def test_a_text_is_the_same_whenever_it_is_written() -> None:
    history = History()
    history.fire(OUT)
    message = one(history, 0)
    assert message_text(message, PLACE) == message_text(message, PLACE)
    assert message.notes[0].at == after(0) == after(1) - timedelta(minutes=1)
