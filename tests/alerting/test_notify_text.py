"""The words of a notification, as they leave the process."""

from __future__ import annotations

from datetime import timedelta

import pytest
from notify_histories import History, after

from alerting.notifications.decide import Message
from alerting.notifications.text import Advice, MessageContext, message_text

ADVICE = {"OutOfSpec": Advice("A sensor is beyond its limit.", "Stop the press.", "runbooks/OutOfSpec.md")}
PLACE = MessageContext(
    "plant 1", lambda subject: {"m1": "press"}.get(subject, ""), lambda name: ADVICE.get(name, Advice())
)


def one(history: History, at: float) -> Message:
    """The one message due."""
    (message,) = history.tell(at)
    return message


def test_a_new_alert_says_what_where_since_when_how_much_why_and_what_to_do() -> None:
    history = History()
    history.fire("OutOfSpec", severity="critical", summary="heat is too high", value=91.25, limit=90.0)
    text = message_text(one(history, 15), PLACE)
    assert text.title == "critical OutOfSpec m1, line l1, site plant 1"
    assert text.body == (
        "critical OutOfSpec m1 at step press, since 2026-03-02 06:00 UTC\n"
        "  heat is too high (value 91.25, limit 90)\n"
        "  cause: A sensor is beyond its limit.\n"
        "  do: Stop the press.\n"
        "  runbook: runbooks/OutOfSpec.md\n"
        "line l1, site plant 1; for operators\n"
        "\n"
        "id operators:l1:20260302T061500Z-1:1"
    )


def test_what_follows_says_what_is_over_and_what_is_still_on() -> None:
    history = History()
    history.fire("OutOfSpec", severity="critical")
    history.fire("Anomalous", "m2", 1)
    history.tell(1)
    history.end(2, 20)
    history.fire("Dead", "m3", 30)
    text = message_text(one(history, 30), PLACE)
    assert text.title == "also warning Dead m3, line l1, site plant 1"
    assert text.body.splitlines()[:4] == [
        "warning Dead m3, since 2026-03-02 06:30 UTC",
        "  Dead of m3",
        "over: warning Anomalous m2, since 2026-03-02 06:01 UTC until 2026-03-02 06:20 UTC",
        "still on: critical OutOfSpec m1, since 2026-03-02 06:00 UTC",
    ]


def test_an_end_is_short() -> None:
    history = History()
    history.fire("OutOfSpec", severity="critical")
    history.tell(0)
    history.end(1, 20)
    text = message_text(one(history, 25), PLACE)
    assert text.title == "over: critical OutOfSpec m1, line l1, site plant 1"
    assert text.body.splitlines()[0] == (
        "over: critical OutOfSpec m1, since 2026-03-02 06:00 UTC until 2026-03-02 06:20 UTC"
    )


def test_one_that_came_and_went_is_told_whole() -> None:
    history = History()
    history.fire("OutOfSpec")
    history.end(1, 3)
    text = message_text(one(history, 15), PLACE)
    assert text.title == "over: warning OutOfSpec m1, line l1, site plant 1"
    assert "since 2026-03-02 06:00 UTC until 2026-03-02 06:03 UTC" in text.body
    assert "do: Stop the press." in text.body


def test_a_repeat_says_again_what_to_do() -> None:
    history = History()
    history.fire("OutOfSpec", severity="critical")
    history.tell(0)
    text = message_text(one(history, 720), PLACE)
    assert text.title == "still critical OutOfSpec m1, line l1, site plant 1"
    assert "do: Stop the press." in text.body


def test_the_worst_stands_first() -> None:
    history = History()
    history.fire("Anomalous", "m2")
    history.fire("OutOfSpec", "m1", severity="critical")
    text = message_text(one(history, 0), PLACE)
    assert text.title == "critical OutOfSpec m1 and 1 more, line l1, site plant 1"


def test_a_subject_without_a_line_names_the_site_alone() -> None:
    history = History()
    history.fire("JobFailing", "pull:mes:all", team="platform", line="")
    assert message_text(one(history, 0), PLACE).title == "warning JobFailing pull:mes:all, site plant 1"


def test_several_lines_at_once_are_one_text_under_one_id() -> None:
    history = History()
    for n in range(11):
        history.fire("Anomalous", f"m{n}", line=f"l{n:02d}")
    text = message_text(history.tell(0)[-1], PLACE)
    assert text.title == "2 lines of site plant 1 at once: warning Anomalous m9, line l09, site plant 1, ..."
    assert text.body.count("for operators") == 2
    assert text.body.endswith("\n\nid operators:+:20260302T060000Z")


def test_a_thousand_alerts_are_a_text_that_can_be_read() -> None:
    history = History()
    for n in range(1000):
        history.fire("OutOfSpec", f"m{n}", summary="x" * 5000)
    body = message_text(one(history, 0), PLACE).body
    assert len(body) < 4000
    assert "new: 980 more, see 'gatewatch alerts list'" in body


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("m\x1b[31m", "m\\x1b[31m"),
        ("m\nid forged:1", "m\\nid forged:1"),
        ("m\u202e1", "m\\u202e1"),
        ("m\ud800", "m\\ud800"),
        ("<b>m</b>", "<b>m</b>"),
        ("m" * 400, "m" * 77),
        ("Presse Süd 3", "Presse Süd 3"),
    ],
    ids=[
        "a colour code is shown", "a line break forges no line", "text is not turned round", "half a character",
        "tags stay text", "a long name is cut", "letters of any language stay",
    ],
)  # fmt: skip
def test_names_from_data_steer_nothing(name: str, shown: str) -> None:
    history = History()
    history.fire("OutOfSpec", name, summary=name)
    text = message_text(one(history, 0), PLACE)
    assert shown in text.title
    assert f"\n  {shown}" in text.body
    assert len(text.title) < 200
    (text.title + text.body).encode()


def test_a_text_is_the_same_whenever_it_is_written() -> None:
    history = History()
    history.fire("OutOfSpec")
    message = one(history, 0)
    assert message_text(message, PLACE) == message_text(message, PLACE)
    assert message.notes[0].at == after(0) == after(1) - timedelta(minutes=1)
