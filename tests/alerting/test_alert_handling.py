"""What people may do about an alert, and the chain of what they did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.handling.actions import Action, Person, RefusedError, Role, Standing, Via, Wish, check, parse_actor
from alerting.handling.audit import START, Entry, Last, continued, verify
from monitor.errors import UsageError

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRING = Standing("warning", True)
CRITICAL = Standing("critical", True)


def wish(action: Action, note: str = "because", hours: float | None = None) -> Wish:
    return Wish(action, "SensorStuck", "mill-2", note, None if hours is None else NOW + hours * HOUR)


CASES = {
    "an operator acknowledges": (Role.OPERATOR, wish(Action.ACKNOWLEDGE, ""), CRITICAL, ""),
    "what does not fire is not acknowledged": (
        Role.ADMIN, wish(Action.ACKNOWLEDGE), Standing("warning", False), "does not fire",
    ),
    "nor what somebody has already": (
        Role.ADMIN, wish(Action.ACKNOWLEDGE), Standing("warning", True, "ann"), "was acknowledged by ann already",
    ),
    "nor what does not exist": (Role.ADMIN, wish(Action.ACKNOWLEDGE), Standing(None, False), "no alert"),
    "an operator shelves a warning for a shift": (Role.OPERATOR, wish(Action.SHELVE, hours=8), FIRING, ""),
    "not for longer": (Role.OPERATOR, wish(Action.SHELVE, hours=8.1), FIRING, "at most 8 h"),
    "not a critical one": (Role.OPERATOR, wish(Action.SHELVE, hours=1), CRITICAL, "only an engineer or admin"),
    "an engineer does": (Role.ENGINEER, wish(Action.SHELVE, hours=100), CRITICAL, ""),
    "not for longer than a week": (Role.ENGINEER, wish(Action.SHELVE, hours=169), CRITICAL, "at most 168 h"),
    "never without an end": (Role.ADMIN, wish(Action.SHELVE), FIRING, "expected an end"),
    "nor one in the past": (Role.ADMIN, wish(Action.SHELVE, hours=-1), FIRING, "expected an end"),
    "nor without a reason": (Role.ADMIN, wish(Action.SHELVE, " ", 1), FIRING, "why it is shelved"),
    "what is not shelved is not taken from the shelf": (Role.ADMIN, wish(Action.UNSHELVE), FIRING, "is not shelved"),
    "nor what was": (
        Role.ADMIN, wish(Action.UNSHELVE), Standing("warning", True, shelved_until=NOW), "is not shelved",
    ),
    "what is is": (Role.OPERATOR, wish(Action.UNSHELVE), Standing("warning", True, shelved_until=NOW + HOUR), ""),
    "a note needs words": (Role.OPERATOR, wish(Action.NOTE, ""), FIRING, "what is noted"),
    "and one line": (Role.OPERATOR, wish(Action.NOTE, "a\nb"), FIRING, "one line of at most 500"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_who_may_do_what(case: str) -> None:
    role, wanted, alert, refusal = CASES[case]
    person = Person("ann", role, Via.PAGE)
    if not refusal:
        check(wanted, person, alert, NOW)
        return
    with pytest.raises(RefusedError, match=refusal):
        check(wanted, person, alert, NOW)


@pytest.mark.parametrize("name", ["", " ann", "a" * 64, "a\x1b[2J"])
def test_a_name_that_cannot_go_on_record_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="expected 1 to 63 printable"):
        parse_actor(name)


def chain(count: int) -> list[Entry]:
    found, last = [], Last()
    for n in range(count):
        entry = Entry(0, NOW + n * HOUR, "ann", "admin", "cli", "note", f"A m{n}", '{"note": "x"}', None, "", "")
        found.append(continued(last, entry))
        last = Last(found[-1].id, found[-1].digest)
    return found


def test_a_whole_chain_is_whole_and_its_end_is_told() -> None:
    entries = chain(5)
    assert verify(entries) == (Last(5, entries[-1].digest), None)
    assert verify([]) == (Last(0, START), None)
    assert verify(entries, Last(3, entries[2].digest))[1] is None


@given(st.data())
@pytest.mark.slow
def test_whatever_is_done_to_the_record_is_noticed_at_its_place(data: st.DataObject) -> None:
    entries = chain(6)
    at = data.draw(st.integers(0, 5))
    how = data.draw(st.sampled_from([*Entry._fields, "removed", "twice", "exchanged", "cut"]))
    known = Last(6, entries[-1].digest)
    changed = [*entries]
    if how == "cut":
        del changed[at:]
    elif how == "removed":
        del changed[at]
    elif how == "twice":
        changed.insert(at, entries[at])
    elif how == "exchanged":
        other = data.draw(st.integers(0, 5).filter(lambda n: n != at))
        changed[at], changed[other] = changed[other], changed[at]
        at = min(at, other)
    else:
        value = NOW if how == "at" and at else NOW + 99 * HOUR if how == "at" else 77 if how == "id" else "changed"
        changed[at] = changed[at]._replace(**{how: value})
    last, broken = verify(changed, known)
    assert broken is not None
    assert broken.id in (at + 1, at + 2), "the entry itself, or the one that was put after it"
    assert last == (Last(at, entries[at - 1].digest) if at else Last()) or last.id == at + 1
