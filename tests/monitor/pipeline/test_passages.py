"""The latest passage of a part by step: in order of arrival, of its own part only, nothing of itself or later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from monitor.pipeline.passages import LatestPassages, Passage, passage_of, with_earlier
from monitor.store.rows.parts import PartStep

START = datetime(2026, 3, 2, 6, tzinfo=UTC)


def _row(arrival: int, serial: str, step: str, visit: int = 1, revision: int = 0) -> PartStep:
    at = START + timedelta(minutes=arrival)
    return PartStep(
        arrival, serial, step, visit, revision, at, "m", "r", "l", {"x": float(arrival)}, f"d{arrival}", "mes", at
    )


def _arrivals(earlier: dict[str, Passage]) -> dict[str, int]:
    return {step: passage.arrival for step, passage in earlier.items()}


def test_each_row_comes_with_what_was_known_of_its_part_before_it() -> None:
    history = [
        _row(1, "a", "forge"), _row(2, "b", "forge"), _row(3, "a", "coat"), _row(4, "a", "forge", revision=1),
        _row(5, "a", "coat", visit=2), _row(6, "b", "coat"),
    ]  # fmt: skip
    found = [(row.arrival, _arrivals(dict(earlier))) for row, _, earlier in with_earlier(history)]
    assert found == [
        (1, {}), (2, {}), (3, {"forge": 1}), (4, {"forge": 1, "coat": 3}), (5, {"forge": 4, "coat": 3}),
        (6, {"forge": 2}),
    ]  # fmt: skip


def test_what_was_earlier_stays_what_it_was_when_more_is_added() -> None:
    latest = LatestPassages([_row(1, "a", "forge")])
    earlier = latest.add(passage_of(_row(2, "a", "coat")))
    latest.add(passage_of(_row(3, "a", "forge", visit=2)))
    assert _arrivals(dict(earlier)) == {"forge": 1}
    assert _arrivals(dict(latest.add(passage_of(_row(4, "a", "coat", visit=2))))) == {"forge": 3, "coat": 2}
