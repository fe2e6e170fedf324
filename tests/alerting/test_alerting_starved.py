"""Alerts that follow from a source that is down."""

from __future__ import annotations

import pytest

from alerting.alerts.starved import Feeds, OpenAlert, starved_by

FEEDS = {
    "historian": Feeds("readings", frozenset({"m1"}), frozenset({"g1"}), frozenset({"pull:historian:a"})),
    "mes": Feeds("outcomes", frozenset({"m1", "m2"}), frozenset({"g1"}), frozenset({"pull:mes"})),
}
STOPPED = OpenAlert(1, "SourceStopped", "historian")
STALE = OpenAlert(2, "SourceStale", "mes")
CASES = {
    "a machine that the source feeds": (("SensorDead", "m1"), STOPPED),
    "a machine of another source": (("SensorDead", "m2"), None),
    "something that needs no readings": (("MachineOutOfSpec", "m1"), None),
    "a gate without outcomes": (("OutcomesMissing", "g1"), STALE),
    "a gate that holds": (("HoldRateHigh", "g1"), STOPPED),
    "its own job": (("JobFailing", "pull:historian:a"), STOPPED),
    "another job": (("JobFailing", "notify"), None),
    "the source itself": (("SourceStopped", "historian"), STOPPED),
    "another alert that it is down": (("SourceStale", "historian"), STOPPED),
    "rows of it that are refused": (("SourceRowsRefused", "historian"), None),
    "an alert that the program has no longer": (("Gone", "m1"), None),
}


@pytest.mark.parametrize("case", CASES)
def test_what_follows_from_a_source_that_is_down(case: str) -> None:
    (name, subject), expected = CASES[case]
    assert starved_by(OpenAlert(9, name, subject), [STALE, STOPPED], FEEDS) == expected


def test_nothing_follows_while_no_source_is_down() -> None:
    assert starved_by(OpenAlert(9, "SensorDead", "m1"), [], FEEDS) is None
