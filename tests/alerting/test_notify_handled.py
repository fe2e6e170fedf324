"""What people did about alerts changes what is told: acknowledged, withheld, escalated; floods and chattering."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from notify_histories import RULES, History, after

from alerting.notifications.decide import Episode, Kind
from alerting.notifications.describe import MessageContext
from alerting.notifications.escalate import Escalated, Escalation, escalated_by, escalations
from alerting.notifications.languages.sentences import shipped
from alerting.notifications.text import message_text
from monitor.statuses import Announced

AFTER_QUARTER = {"operators": Escalation(timedelta(minutes=15), "engineers")}
SECOND = 1 / 60


def change(history: History, number: int, **fields: object) -> None:
    history.episodes[number] = replace(history.episodes[number], **fields)


def test_a_critical_alert_that_is_acknowledged_is_not_repeated() -> None:
    history = History()
    history.fire("A", severity="critical")
    told = [history.kinds(0), history.kinds(720)]
    change(history, 1, acknowledged=True)
    told.append(history.kinds(1440))
    history.end(1, 1500)
    told.append(history.kinds(1505))
    assert told == [["opened"], ["repeated"], [], ["resolved"]]


def test_a_shelved_alert_is_told_once_it_is_off_the_shelf() -> None:
    history = History()
    history.fire("A", withheld=True)
    told = [history.kinds(0), history.kinds(720)]
    change(history, 1, withheld=False)
    told.append(history.kinds(721))
    assert told == [[], [], ["opened"]]


def test_a_shelved_alert_is_left_out_of_the_notes_of_others_and_covers_nothing() -> None:
    history = History()
    history.fire("A", "m1", withheld=True)
    history.fire("B", "m1", at=1)
    (message,) = history.tell(1)
    assert [e.name for e in message.notes[0].fired] == ["B"]


def test_an_alert_shelved_after_it_was_told_is_not_repeated_and_its_end_is_told() -> None:
    history = History()
    history.fire("A", severity="critical")
    told = [history.kinds(0)]
    change(history, 1, withheld=True)
    told.append(history.kinds(720))
    history.end(1, 730)
    told.append(history.kinds(735))
    assert told == [["opened"], [], ["resolved"]]


def test_in_a_flood_three_messages_and_every_critical_subject_named_within_half_a_minute() -> None:
    history, named = History(), dict[str, float]()
    for n in range(500):
        history.fire("A" if n % 4 else "B", f"m{n}", at=n / 500, severity="warning" if n % 4 else "critical")
    fired = {f"m{n}": n / 500 for n in range(0, 500, 4)}
    every = History(RULES)
    for quarter in range(41):  # ten minutes of evaluations every 15 s
        at = quarter * 15 * SECOND
        for number, episode in history.episodes.items():
            if episode.since <= after(at) and number not in every.episodes:
                every.episodes[number] = episode
        for message in every.tell(at):
            for note in message.notes:
                named |= {e.subject: at for e in note.fired if e.critical and e.subject not in named}
    assert len(every.messages) <= 3
    assert {s: at for s, at in named.items() if at - fired[s] > 0.5 + 1e-9} == {}
    assert named.keys() == fired.keys()


def test_two_lines_in_a_flood_are_one_message() -> None:
    history = History()
    for n in range(20):
        history.fire("A", f"m{n}", line=f"l{n % 5}")
    (message,) = history.tell(0)
    assert len(message.notes) == 5


@pytest.mark.slow
def test_a_square_wave_of_an_hour_is_two_messages_of_which_one_says_chattering() -> None:
    history = History()
    for beat in range(360):
        at = beat / 6
        number = history.fire("MachineOutOfSpec", at=at, severity="critical")
        history.tell(at)
        history.end(number, at + 5 * SECOND)
        history.tell(at + 5 * SECOND)
    for minute in range(61, 90):
        history.tell(minute)
    assert [m.notes[0].kind for m in history.messages] == [Kind.OPENED, Kind.RESOLVED]
    context = MessageContext("demo", lambda _: "", lambda _: shipped("en"))
    text = message_text(history.messages[-1], context)
    assert "chattering (360 times)" in text.title
    assert len(text.body.splitlines()) < 12, "one alert is one entry, however often it fired"


def test_while_an_alert_chatters_its_end_waits_twice_as_long() -> None:
    history = History()
    for at in (0, 2, 4):
        number = history.fire("A", at=at)
        history.tell(at)
        history.end(number, at + 1)
    assert [history.kinds(minute) for minute in (10, 14, 15)] == [[], [], ["resolved"]]


def escalated(**fields: object) -> Escalated:
    given = {"severity": "critical", "team": "operators", "line": "l1", "announced": Announced.FIRED, **fields}
    told = given.pop("told", Announced.NOTHING)
    episode = Episode(id=7, name="A", subject="m1", summary="A of m1", since=after(0), **given)  # type: ignore[arg-type]
    return Escalated(episode, after(0), told)  # type: ignore[arg-type]


ESCALATED = {
    "in time": (escalated(), 14, 0),
    "nobody acknowledged": (escalated(), 15, 1),
    "somebody did": (escalated(acknowledged=True), 15, 0),
    "a warning": (escalated(severity="warning"), 15, 0),
    "shelved": (escalated(withheld=True), 15, 0),
    "over": (escalated(ended_at=after(10)), 15, 0),
    "of a team without a rule": (escalated(team="ml"), 15, 0),
    "its own team was not told yet": (escalated(announced=Announced.NOTHING), 15, 0),
    "told, and fires": (escalated(told=Announced.FIRED), 99, 0),
    "told, and over": (escalated(told=Announced.FIRED, ended_at=after(20)), 20, 2),
    "told, over, and that was told": (escalated(told=Announced.RESOLVED, ended_at=after(20)), 21, 0),
    "told, over, and the rule is gone": (escalated(told=Announced.FIRED, ended_at=after(20), team="ml"), 20, 2),
}


@pytest.mark.parametrize("case", ESCALATED)
def test_who_is_told_when_nobody_acknowledges(case: str) -> None:
    alert, minutes, sequence = ESCALATED[case]
    messages = escalations([alert], AFTER_QUARTER, after(minutes))
    assert [note.sequence for message in messages for note in message.notes] == [sequence] * (sequence > 0)
    done = {1: Announced.FIRED, 2: Announced.RESOLVED}
    assert escalated_by(messages) == ({7: done[sequence]} if sequence else {})


def test_alerts_of_a_line_go_to_the_other_team_in_one_message() -> None:
    alerts = [replace(one := escalated(line=line), episode=replace(one.episode, id=n)) for n, line in enumerate("aab")]
    messages = escalations(alerts, AFTER_QUARTER, after(15))
    assert Counter(len(message.notes[0].still) for message in messages) == {2: 1, 1: 1}
    assert {message.notes[0].team for message in messages} == {"engineers"}
    assert len({message.key for message in messages}) == 2
    context = MessageContext("demo", lambda _: "", lambda _: shipped("de"))
    assert message_text(messages[0], context).title.startswith("nicht quittiert: ")


def test_in_quiet_hours_warnings_wait_and_what_ended_meanwhile_is_told_once_as_over() -> None:
    history = History(quiet={"operators"})
    history.fire("A", "m1")
    history.fire("B", "m2", line="l2")
    history.fire("C", "m3", team="ml")
    told = [history.kinds(0), history.kinds(100)]
    history.end(1, 200)
    history.fire("D", "m2", at=250, line="l2")
    told.append(history.kinds(300))
    history.quiet = set()
    told += [history.kinds(480), history.kinds(481)]
    assert told == [["opened"], [], [], ["opened", "resolved"], []]
    assert sorted(history.told("fired")) == [1, 2, 3, 4]
    assert history.told("resolved") == [1]


def test_a_critical_alert_is_told_in_quiet_hours_with_what_waits_on_its_line() -> None:
    history = History(quiet={"operators"})
    history.fire("A", "m1")
    told = [history.kinds(0)]
    history.fire("B", "m2", at=10, severity="critical")
    told.append(history.kinds(10))
    assert told == [[], ["opened"]]
    assert [e.name for e in history.messages[0].notes[0].fired] == ["A", "B"]
