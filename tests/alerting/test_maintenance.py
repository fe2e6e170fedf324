"""What a maintenance window covers, and when it is on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from alerting.handling.maintenance import Place, covering, windows_on
from monitor.plant.calendar import Maintenance

BERLIN = "Europe/Berlin"
WEEKLY = {"start": "22:00", "end": "06:00", "days": "fri"}
ONCE = {"start": "2026-03-02T06:00:00+01:00", "end": "2026-03-02T08:00:00Z"}


def window(**given: Any) -> Maintenance:
    return Maintenance(**{"name": "w", "reason": "new coolant", "lines": ["blades"], **given})


ON = {
    "before it begins": ({"once": ONCE}, "2026-03-02T04:59:59", False),
    "its first instant": ({"once": ONCE}, "2026-03-02T05:00:00", True),
    "its last instant": ({"once": ONCE}, "2026-03-02T07:59:59", True),
    "its end": ({"once": ONCE}, "2026-03-02T08:00:00", False),
    "by the clocks of the site": ({"weekly": WEEKLY}, "2026-03-06T21:00:00", True),
    "over midnight": ({"weekly": WEEKLY}, "2026-03-07T04:59:00", True),
    "the week after": ({"weekly": WEEKLY}, "2026-03-13T22:00:00", True),
    "another night": ({"weekly": WEEKLY}, "2026-03-05T22:00:00", False),
    "in summer": ({"weekly": WEEKLY}, "2026-07-03T20:00:00", True),
    "the night that is an hour short": ({"weekly": {**WEEKLY, "days": "sat"}}, "2026-03-29T03:59:00", True),
    "its end in that night": ({"weekly": {**WEEKLY, "days": "sat"}}, "2026-03-29T04:00:00", False),
    "the night that is an hour long": ({"weekly": {**WEEKLY, "days": "sat"}}, "2026-10-25T04:59:00", True),
    "a time that clocks skip": ({"weekly": {"start": "02:10", "end": "02:50"}}, "2026-03-29T01:00:00", False),
}


@pytest.mark.parametrize(("given", "at", "on"), ON.values(), ids=ON)
def test_when_a_window_is_on(given: dict[str, Any], at: str, on: bool) -> None:
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert [bool(windows_on([window(**given)], BERLIN, now))] == [on]


COVERED = {
    "a line, a machine on it": ({"lines": ["blades"]}, ("mill-2", "machining", "blades"), True),
    "a line, itself nowhere": ({"lines": ["blades"]}, ("notify", "", ""), False),
    "a step, its gate": ({"lines": [], "steps": ["machining"]}, ("bore", "machining", "blades"), True),
    "a step, another": ({"lines": [], "steps": ["machining"]}, ("oven", "coating", "blades"), False),
    "a machine": ({"lines": [], "machines": ["mill-2"]}, ("mill-2", "machining", "blades"), True),
    "its neighbour": ({"lines": [], "machines": ["mill-2"]}, ("mill-3", "machining", "blades"), False),
    "a source": ({"lines": [], "subjects": ["mes"]}, ("mes", "", ""), True),
}


@pytest.mark.parametrize(("given", "place", "covered"), COVERED.values(), ids=COVERED)
def test_what_a_window_covers(given: dict[str, Any], place: tuple[str, str, str], covered: bool) -> None:
    assert (covering([window(**given, once=ONCE)], Place(*place)) is not None) == covered


REFUSED = {
    "no time": ({}, "either once or weekly"),
    "two times": ({"once": ONCE, "weekly": WEEKLY}, "either once or weekly"),
    "an end before its start": ({"once": {"start": ONCE["end"], "end": ONCE["start"]}}, "end to be after start"),
    "nothing covered": ({"lines": [], "once": ONCE}, "expected what it covers"),
    "no end": ({"weekly": {"start": "06:00", "end": "06:00"}}, "never end"),
}


@pytest.mark.parametrize(("given", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        window(**given)
