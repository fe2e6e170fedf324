"""Which notifications are due: incidents of a team and line, few enough that people read them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notify_histories import RULES, History, after, keys

from alerting.notifications.decide import Kind, Message, Rules, decide_notifications
from monitor.model import DRILL_LINE

# What happens, in order: (minute, what, arguments); a bare minute is a look at what is due. Then the kinds told at
# each look.
STORIES = {
    "one fault is two notifications, its begin and its end": (
        ["fire A", 0, 15, 30, "end 1 at 40", 45, 60], [["opened"], [], [], ["resolved"], []],
    ),
    "nothing is told while nothing fires": ([0, 15], [[], []]),
    "another alert of a machine that is known waits for the end": (
        ["fire A", 0, "fire B at 10", 15, 60, "end 1 at 70", "end 2 at 71", 75, 90],
        [["opened"], [], [], [], ["resolved"]],
    ),
    "another machine is told after a short wait": (
        ["fire A", 0, "fire A m2 at 1", 2, 4, 5], [["opened"], [], [], ["joined"]],
    ),
    "a critical one among warnings is told at once": (
        ["fire A", 0, "fire B m1 critical at 1", 1], [["opened"], ["raised"]],
    ),
    "a second critical one on another machine is told at once": (
        ["fire A m1 critical", 0, "fire A m2 critical at 1", 1, 5], [["opened"], ["raised"], []],
    ),
    "a warning of a machine known as critical waits": (
        ["fire A m1 critical", 0, "fire B m1 at 1", 10, 60], [["opened"], [], []],
    ),
    "a critical one that still fires is told again": (
        ["fire A m1 critical", 0, 719, 720, 1439, 1440], [["opened"], [], ["repeated"], [], ["repeated"]],
    ),
    "a warning that still fires is not": (["fire A", 0, 720, 1440], [["opened"], [], []]),
    "what waits is told with the repeat time at the latest": (
        ["fire A", 0, "fire B at 10", 700, 720, 1440], [["opened"], [], ["repeated"], []],
    ),
    "one of two that is over waits for the end": (
        ["fire A", "fire A m2", 0, "end 1 at 20", 30, 60, "end 2 at 80", 85], [["opened"], [], [], ["resolved"]],
    ),
    "one that came and went between two looks is one notification": (
        ["fire A", "end 1 at 3", 5, 15], [["resolved"], []],
    ),
    "the end waits until it has settled": (
        ["fire A", 0, "end 1 at 10", 10, 14, 15], [["opened"], [], [], ["resolved"]],
    ),
    "an alert that chatters stays one incident": (
        ["fire A", 0, "end 1 at 10", 11, "fire A at 12", 13, "end 2 at 14", 15, "fire A at 16", 17, "end 3 at 30", 35,
         40],
        [["opened"], [], [], [], [], [], ["resolved"]],
    ),
    "a machine that was well for a while is news again, while another keeps the incident open": (
        ["fire A m1", "fire A m2", 0, "end 1 at 10", 20, "fire A m1 at 100", 100],
        [["opened"], [], ["joined"]],
    ),
    "a critical one that was over for a while raises again": (
        ["fire A m1", "fire B m2 critical", 0, "end 2 at 10", 20, "fire B m2 critical at 100", 100],
        [["opened"], [], ["raised"]],
    ),
    "a new fault after the end is a new incident": (
        ["fire A", 0, "end 1 at 10", 15, "fire A at 30", 30], [["opened"], ["resolved"], ["opened"]],
    ),
    "information goes its own way and opens nothing": (
        ["fire Watchdog m1 info", 0, 15, "fire A at 20", 20, "end 2 at 21", 30, "end 1 at 40", 41],
        [["info"], [], ["opened"], ["resolved"], ["info"]],
    ),
}  # fmt: skip


def play(history: History, step: str) -> None:
    """One line of a story."""
    words, _, minute = step.partition(" at ")
    what, *rest = words.split()
    at = float(minute or 0)
    if what == "end":
        history.end(int(rest[0]), at)
        return
    name, subject, severity = [*rest, *("", "m1", "warning")[len(rest) :]]
    history.fire(name, subject, at, severity=severity)


@pytest.mark.parametrize("story", STORIES)
def test_what_is_told_and_when(story: str) -> None:
    steps, expected = STORIES[story]
    history, found = History(), []
    for step in steps:
        if isinstance(step, str):
            play(history, step)
        else:
            found.append(history.kinds(step))
    assert found == expected


def test_what_follows_from_a_cause_that_was_told_waits_for_the_next_note() -> None:
    history = History()
    history.fire("A", "m1", cause=3)
    told = [history.kinds(0)]
    history.fire("B", "s1", at=10, cause=3)
    history.fire("C", "g1", at=20, cause=3)
    told.append(history.kinds(20))
    history.end(2, 30)
    told.append(history.kinds(800))
    for number in (1, 3):
        history.end(number, 900)
    told.append(history.kinds(920))
    assert told == [["opened"], [], [], ["resolved"]]
    last = history.messages[-1].notes[0]
    assert [e.name for e in last.fired] == ["B", "C"], "every alert is told once"


def test_another_cause_is_told_and_so_is_what_is_worse() -> None:
    history = History()
    history.fire("A", "m1", cause=3)
    history.kinds(0)
    history.fire("B", "s1", at=10, cause=4)
    assert history.kinds(20) == ["joined"]
    history.fire("C", "g1", at=30, severity="critical", cause=3)
    assert history.kinds(30) == ["raised"]
    history.fire("C", "g2", at=40, severity="critical", cause=3)
    assert history.kinds(50) == []


def test_another_cause_at_the_same_place_is_told_too() -> None:
    history = History()
    history.fire("A", "s1", cause=3)
    history.kinds(0)
    history.fire("B", "s1", at=10)
    assert history.kinds(20) == [], "as long as nothing tells them apart"
    history.fire("C", "s1", at=30, cause=4)
    assert history.kinds(40) == ["joined"]


def test_what_parts_may_have_brought_waits_until_something_else_is_known() -> None:
    history = History()
    history.fire("A", "s1", place=1, of_parts=True)
    told = [history.kinds(0)]
    history.fire("A", "s2", at=10, place=2, of_parts=True)
    told.append(history.kinds(20))
    history.episodes[2] = replace(history.episodes[2], cause=3)
    told.append(history.kinds(30))
    assert told == [["opened"], [], ["joined"]]


def test_what_parts_may_have_brought_is_told_with_the_repeat_time_at_the_latest() -> None:
    history = History()
    history.fire("A", "s1", place=1, of_parts=True)
    history.kinds(0)
    history.fire("A", "s2", at=10, place=2, of_parts=True)
    assert [history.kinds(at) for at in (719, 720)] == [[], ["repeated"]]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        pytest.param({"place": 2}, {"place": 1, "of_parts": True}, id="upstream of what was told"),
        pytest.param({"place": 1}, {"place": 2}, id="a machine's own"),
        pytest.param({}, {"place": 2, "of_parts": True}, id="where the other is of no step"),
        pytest.param({"place": 1}, {"place": 2, "of_parts": True, "severity": "critical"}, id="critical"),
    ],
)
def test_nothing_else_waits_for_a_cause(earlier: dict[str, object], later: dict[str, object]) -> None:
    history = History()
    history.fire("A", "s1", **earlier)
    history.kinds(0)
    history.fire("A", "s2", at=10, **later)
    assert history.kinds(20) in (["joined"], ["raised"])


def test_a_note_on_something_new_leaves_other_matters_to_the_end() -> None:
    history = History()
    history.fire("A", "m1", cause=3)
    history.fire("B", "m2")
    history.kinds(0)
    history.fire("C", "s1", at=10, cause=3)
    history.end(2, 20)
    history.fire("D", "m3", at=30)
    (message,) = history.tell(30)
    assert [[e.name for e in about] for about in (message.notes[0].fired, message.notes[0].resolved)] == [["D"], []]
    for number in (1, 3, 4):
        history.end(number, 40)
    (message,) = history.tell(60)
    assert [e.name for e in message.notes[0].fired] == ["C"]
    assert [e.name for e in message.notes[0].resolved] == ["A", "B", "C", "D"]


def test_an_end_alone_is_not_told_before_the_incident_ends() -> None:
    history = History()
    history.fire("A", "m1")
    history.fire("A", "m2")
    history.kinds(0)
    history.end(1, 20)
    assert [history.kinds(at) for at in (60, 720, 1500)] == [[], [], []]


def test_teams_and_lines_are_told_apart() -> None:
    history = History()
    history.fire("A", "m1")
    history.fire("A", "m9", line="l2")
    history.fire("D", "s1", team="engineers")
    history.fire("J", "job", team="platform", line="")
    assert sorted(keys(history.tell(0))) == [
        "engineers:l1:20260302T060000Z-3:1",
        "operators:l1:20260302T060000Z-1:1",
        "operators:l2:20260302T060000Z-2:1",
        "platform:-:20260302T060000Z-4:1",
    ]


def test_an_incident_keeps_its_id_and_counts_its_notes() -> None:
    history = History()
    first = history.fire("A")
    opened = keys(history.tell(0))
    history.fire("B", "m2", at=30)
    joined = keys(history.tell(30))
    history.end(first, 40)
    history.end(2, 41)
    over = keys(history.tell(60))
    assert opened + joined + over == [f"operators:l1:20260302T060000Z-1:{n}" for n in (1, 2, 3)]


def test_the_same_question_has_the_same_answer() -> None:
    history = History()
    history.fire("A")
    asked = [decide_notifications(history.open(), history.last(), {}, after(0), history.rules) for _ in range(2)]
    assert asked[0] == asked[1] != []


def test_an_end_whose_begin_was_forgotten_is_told_all_the_same() -> None:
    history = History()
    number = history.fire("A")
    history.tell(0)
    history.messages.clear()  # as when retention took the notification
    history.end(number, 10)
    assert history.kinds(20) == ["resolved"]


NO_FLOOD = replace(RULES, flood=1000)


def fire_on(history: History, lines: int, at: float = 0, **other: str) -> None:
    """One alert on each of so many lines."""
    for n in range(lines):
        history.fire("A", f"m{n:02d}", at, line=f"l{n:02d}", **other)


def test_more_than_a_team_can_take_are_put_together_the_worst_apart() -> None:
    history = History(NO_FLOOD)
    fire_on(history, 11)
    history.fire("B", "bad", line="l99", severity="critical")
    messages = history.tell(0)
    assert [len(message.notes) for message in messages] == [1] * 9 + [3]
    assert messages[0].notes[0].line == "l99"
    assert messages[-1].key == "operators:+:20260302T060000Z"
    assert sorted(history.told("fired")) == list(range(1, 13))


def test_ten_fit() -> None:
    history = History()
    fire_on(history, 10)
    assert [len(message.notes) for message in history.tell(0)] == [1] * 10


def test_with_no_room_left_they_wait_until_there_is_some() -> None:
    history = History()
    fire_on(history, 10)
    history.tell(0)
    history.fire("A", "x", 1, line="x")
    history.fire("A", "y", 1, line="y")
    assert history.tell(1) == history.tell(9.9) == []
    assert [note.line for message in history.tell(10) for note in message.notes] == ["x", "y"]


def test_the_storm_of_one_team_holds_up_no_other_and_no_information() -> None:
    history = History(NO_FLOOD)
    fire_on(history, 12)
    fire_on(history, 1, team="ml")
    fire_on(history, 12, team="platform", severity="info")
    teams = [message.notes[0].team for message in history.tell(0)]
    assert {team: teams.count(team) for team in set(teams)} == {"operators": 10, "ml": 1, "platform": 12}


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 3),  # minutes until it happens
        st.sampled_from(["fire", "end", "look", "look", "quiet", "loud"]),
        st.integers(0, 5),
        st.sampled_from(["warning", "critical", "info"]),
        st.sampled_from(["l1", "l2", "l3"]),
    ),
    max_size=60,
)


ENDS = {
    "of a warning": ("warning", "l1", False),
    "of a critical alert": ("critical", "l1", True),
    "of a drill": ("warning", DRILL_LINE, True),
}


@pytest.mark.parametrize(("severity", "line", "told"), ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("every_end", [False, True])
def test_people_are_told_an_end_where_something_was_critical_or_all_are_wanted(
    severity: str, line: str, told: bool, every_end: bool
) -> None:
    history = History(replace(RULES, every_end=every_end))
    history.fire("A", severity=severity, line=line)
    history.tell(0)
    history.end(1, 10)
    (message,) = history.tell(20)
    sent = told or every_end
    assert (message.notes[0].kind, message.for_people) == ((Kind.RESOLVED, True) if sent else (Kind.CLOSED, False))
    assert history.told("resolved") == [1]
    history.fire("A", at=30, severity=severity, line=line)
    assert history.kinds(30) == ["opened"]


def test_a_warning_that_came_and_went_before_it_was_told_is_only_in_the_log() -> None:
    history = History(replace(RULES, every_end=False))
    history.fire("A")
    history.end(1, 1)
    (message,) = history.tell(2)
    assert (message.notes[0].kind, message.for_people) == (Kind.CLOSED, False)


def test_an_end_without_a_critical_alert_waits_for_no_quiet_hours_and_takes_no_room() -> None:
    history = History(replace(RULES, every_end=False, most=1))
    for line in ("l1", "l2"):
        history.fire("A", f"m {line}", line=line)
    history.tell(0)
    history.end(1, 1)
    history.end(2, 1)
    history.quiet = {"operators"}
    assert history.kinds(11) == ["closed", "closed"]


@given(EVENTS)
@pytest.mark.slow
def test_whatever_happens_each_firing_and_each_end_is_told_once_and_never_in_a_flood(
    steps: list[tuple[int, str, int, str, str]],
) -> None:
    history, now = History(Rules(timedelta(minutes=30), timedelta(minutes=5), timedelta(minutes=5), most=2)), 0.0
    for minutes, what, which, severity, line in steps:
        now += minutes
        firing = [e.id for e in history.open() if e.ended_at is None]
        if what == "fire":
            history.fire(f"A{which}", f"m{which % 2}", now, severity=severity, line=line)
        elif what == "end" and firing:
            history.end(firing[which % len(firing)], now)
        elif what in ("quiet", "loud"):
            history.quiet = {"operators"} if what == "quiet" else set()
        else:
            told = [note for message in history.tell(now) if message.for_people for note in message.notes]
            assert not history.quiet or all(note.severity != "warning" for note in told)
    history.quiet = set()
    # An end may wait for that of its incident.
    for number in [e.id for e in history.open() if e.ended_at is None]:
        history.end(number, now)
    for _ in range(8):
        now += 31
        history.tell(now)
    assert sorted(history.told("fired")) == sorted(history.told("resolved")) == sorted(history.episodes)
    names = keys(history.messages)
    assert len(names) == len(set(names))
    assert len({message.key for message in history.messages}) == len(history.messages)
    times = sorted(m.notes[0].at for m in history.messages if m.for_people)
    assert all(later - earlier >= history.rules.within for earlier, later in zip(times, times[2:], strict=False))


@given(EVENTS)
@pytest.mark.slow
def test_an_incident_counts_from_one_without_a_gap_and_ends_once(steps: list[tuple[int, str, int, str, str]]) -> None:
    history, now = History(), 0.0
    for minutes, what, which, severity, line in steps:
        now += minutes
        if what == "fire":
            history.fire(f"A{which}", f"m{which % 2}", now, severity=severity, line=line)
        elif what == "end" and which < len(history.episodes):
            number = which + 1
            if history.episodes[number].ended_at is None:
                history.end(number, now)
        else:
            history.tell(now)
    assert_whole(history.messages)


def assert_whole(messages: list[Message]) -> None:
    """Sequences without a gap; nothing after the end of an incident."""
    incidents: dict[tuple[str, str, str], list[tuple[int, Kind]]] = {}
    for note in (note for message in messages if message.for_people for note in message.notes):
        incidents.setdefault((note.team, note.line, note.incident), []).append((note.sequence, note.kind))
    for notes in incidents.values():
        assert [sequence for sequence, _ in notes] == list(range(1, len(notes) + 1))
        assert Kind.RESOLVED not in [kind for _, kind in notes[:-1]]
