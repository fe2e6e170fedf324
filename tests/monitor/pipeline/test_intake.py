"""What is new in a page: rows seen already, corrections, new visits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Page
from monitor.pipeline.intake import rows as intake
from monitor.pipeline.intake.readings import reading_rows
from monitor.pipeline.intake.rows import Accepted, Intake
from monitor.store.rows.digests import Key, StoredRow

T0 = datetime(2026, 3, 2, 6, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def page(rows: Sequence[Mapping[str, Any]], names: tuple[str, ...] = ()) -> Page:
    """A page as a source makes it; `values` and times are filled in where a row leaves them out."""
    words = {"serial": "", "step": "form", "machine": "", "recipe": "", "lot": "", "state": "run", "disposition": ""}
    frame = pd.DataFrame([{**words, "visit": None, "value": np.nan, "at": T0, **row} for row in rows])
    frame["visit"] = frame["visit"].astype("Int64")
    frame["at"] = pd.to_datetime(frame["at"], utc=True).astype("datetime64[ns, UTC]")
    posted = frame["available_at"].fillna(frame["at"]) if "available_at" in frame else frame["at"]
    frame["available_at"] = pd.to_datetime(posted, utc=True).astype("datetime64[ns, UTC]")
    values = np.array([[row.get(name, np.nan) for name in names] for row in rows], dtype=np.float64)
    return Page(frame, names, values.reshape(len(rows), len(names)), (), None, False, len(rows))


def words(found: Intake, rows: int) -> list[str]:
    """What became of each row, in order."""
    taken: dict[int, Accepted] = {row.index: row for row in found.accepted}
    return ["seen" if i not in taken else f"revision {taken[i].revision}" for i in range(rows)]


ROWS = {
    "one row": (["A"], ["revision 0"]),
    "the same row twice": (["A", "A"], ["revision 0", "seen"]),
    "a correction": (["A", "B"], ["revision 0", "revision 1"]),
    "a correction of a correction": (["A", "B", "C"], ["revision 0", "revision 1", "revision 2"]),
    "a correction taken back": (["A", "B", "A"], ["revision 0", "revision 1", "revision 2"]),
    "a correction taken back, read again": (["A", "B", "A", "A"], ["revision 0", "revision 1", "revision 2", "seen"]),
}


@pytest.mark.parametrize("split", [True, False], ids=["in pages of one row", "in one page"])
@pytest.mark.parametrize("dated", [True, False], ids=["dated", "undated"])
@pytest.mark.parametrize(("digests", "expected"), ROWS.values(), ids=ROWS)
def test_rows_under_one_key(digests: list[str], expected: list[str], dated: bool, split: bool) -> None:
    known: dict[Key, StoredRow] = {}
    rows = [(("key",), {"digest": d, "available_at": at(i)}) for i, d in enumerate(digests)]
    if split:
        found = [words(intake.classify([row], known, dated), 1)[0] for row in rows]
    else:
        found = words(intake.classify(rows, known, dated), len(rows))
    assert found == expected


AGAIN = {
    "all versions of a log": (["A", "B", "A"], [0, 1, 2]),
    "the old version of a row that was replaced": (["A"], [0]),
    "the last version only": (["A"], [2]),
}


@pytest.mark.parametrize("dated", [True, False], ids=["dated", "undated"])
@pytest.mark.parametrize(("digests", "places"), AGAIN.values(), ids=AGAIN)
def test_what_is_read_again_is_no_news(digests: list[str], places: list[int], dated: bool) -> None:
    known: dict[Key, StoredRow] = {}
    first = [(("key",), {"digest": d, "available_at": at(i)}) for i, d in enumerate("ABA")]
    intake.classify(first, known, dated)
    again = [(("key",), {"digest": d, "available_at": at(i)}) for d, i in zip(digests, places, strict=True)]
    assert words(intake.classify(again, known, dated), len(again)) == ["seen"] * len(again)


def test_a_version_that_comes_after_a_newer_one_is_no_word_any_more() -> None:
    rows = [(("key",), {"digest": "B", "available_at": at(2)}), (("key",), {"digest": "A", "available_at": at(1)})]
    assert words(intake.classify(rows, {}, dated=True), 2) == ["revision 0", "seen"]


def test_the_versions_of_another_source_do_not_alternate_with_ours() -> None:
    known: dict[Key, StoredRow] = {("key",): StoredRow(revisions=1)}
    ours = [(("key",), {"digest": "A", "available_at": at(1)})]
    assert words(intake.classify(ours, known, dated=False), 1) == ["revision 1"]
    known["key",].revisions += 1  # the other source's correction
    assert words(intake.classify(ours, known, dated=False), 1) == ["seen"]


def test_the_counts_of_a_page() -> None:
    rows = [((key,), {"digest": digest, "available_at": T0}) for key, digest in ("a1", "a2", "a2", "b1")]
    found = intake.classify(rows, {}, dated=True)
    assert found.outcomes() == (("accepted", 2), ("corrected", 1), ("seen", 1))


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("123")), max_size=40),
    st.lists(st.integers(0, 40), max_size=6),
)
@pytest.mark.slow
def test_any_split_into_pages_takes_the_same(rows: list[tuple[str, str]], cuts: list[int]) -> None:
    made = [((key,), {"digest": digest, "key": key, "available_at": T0}) for key, digest in rows]
    whole = intake.classify(made, {}, dated=False)
    known: dict[Key, StoredRow] = {}
    borders = sorted({0, len(made), *(min(c, len(made)) for c in cuts)})
    parts = [intake.classify(made[a:b], known, dated=False) for a, b in pairwise(borders)]
    taken = [(r.revision, r.columns) for part in parts for r in part.accepted]
    assert taken == [(r.revision, r.columns) for r in whole.accepted]
    assert sum(part.seen for part in parts) == whole.seen
    assert len(taken) == sum(a != b for key in "abc" for a, b in pairwise([None, *(d for k, d in rows if k == key)]))


def take_parts(rows: Sequence[Mapping[str, Any]], known: dict[Key, StoredRow], counted: bool) -> list[tuple[int, str]]:
    """(visit, what became of it) of each row; `counted` says whether the source counts visits."""
    names = ("length",)
    made = list(intake.part_rows(page([{"visit": 1, **r} if counted else r for r in rows], names), "mes", known))
    found = intake.classify(made, known, dated=True)
    return [(columns["visit"], word) for (_, columns), word in zip(made, words(found, len(made)), strict=True)]


UNCOUNTED = {
    "another time is another visit": ([{"at": at(0)}, {"at": at(9)}], [(1, "revision 0"), (2, "revision 0")]),
    "the same time is the same visit": ([{"at": at(0)}, {"at": at(0)}], [(1, "revision 0"), (1, "seen")]),
    "other content at the same time is a correction": (
        [{"at": at(0), "length": 1.0}, {"at": at(0), "length": 2.0}],
        [(1, "revision 0"), (1, "revision 1")],
    ),
    "a late row of an earlier time is the next visit": (
        [{"at": at(9)}, {"at": at(0)}, {"at": at(9)}],
        [(1, "revision 0"), (2, "revision 0"), (1, "seen")],
    ),
    "another step counts for itself": (
        [{"at": at(0)}, {"at": at(0), "step": "coat"}, {"at": at(9)}],
        [(1, "revision 0"), (1, "revision 0"), (2, "revision 0")],
    ),
    "another part counts for itself": (
        [{"at": at(0)}, {"at": at(9), "serial": "other"}],
        [(1, "revision 0"), (1, "revision 0")],
    ),
}


@pytest.mark.parametrize(("rows", "expected"), UNCOUNTED.values(), ids=UNCOUNTED)
def test_visits_of_a_source_that_counts_none(rows: list[dict[str, Any]], expected: list[tuple[int, str]]) -> None:
    assert take_parts(rows, {}, counted=False) == expected


COUNTED = {
    "the source's own number is the visit": ([{"visit": 1}, {"visit": 2}], [(1, "revision 0"), (2, "revision 0")]),
    "a visit may be skipped": ([{"visit": 3}], [(3, "revision 0")]),
    "another time under the same visit is a correction": (
        [{"visit": 1, "at": at(0)}, {"visit": 1, "at": at(9)}],
        [(1, "revision 0"), (1, "revision 1")],
    ),
    "posted again is the same row": (
        [{"available_at": at(1)}, {"available_at": at(60)}],
        [(1, "revision 0"), (1, "seen")],
    ),
    "another lot is a correction": ([{"lot": "L1"}, {"lot": "L2"}], [(1, "revision 0"), (1, "revision 1")]),
    "a value that goes missing is a correction": (
        [{"length": 1.0}, {"length": float("nan")}],
        [(1, "revision 0"), (1, "revision 1")],
    ),
}


@pytest.mark.parametrize(("rows", "expected"), COUNTED.values(), ids=COUNTED)
def test_visits_of_a_source_that_counts_them(rows: list[dict[str, Any]], expected: list[tuple[int, str]]) -> None:
    assert take_parts(rows, {}, counted=True) == expected


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=25), st.integers(0, 25))
@pytest.mark.slow
def test_visits_without_a_column_do_not_depend_on_the_pages(rows: list[tuple[int, int]], cut: int) -> None:
    made = [{"at": at(minute), "length": float(value)} for minute, value in rows]
    known: dict[Key, StoredRow] = {}
    split = take_parts(made[:cut], known, counted=False) if made[:cut] else []
    # The second page meets what the store would give back: digests and visits, no more.
    stored = {key: StoredRow(entry.revisions, list(entry.digests), entry.available_at) for key, entry in known.items()}
    split += take_parts(made[cut:], stored, counted=False) if made[cut:] else []
    assert split == take_parts(made, {}, counted=False)
    assert {visit for visit, _ in split} == set(range(1, len({minute for minute, _ in rows}) + 1))


def _digests(rows: Iterable[tuple[Key, Mapping[str, Any]]]) -> list[tuple[Key, str]]:
    return [(key, columns["digest"]) for key, columns in rows]


def test_readings_hold_only_the_sensors_of_their_machine_and_no_nan() -> None:
    rows = [{"machine": "m1", "heat": 1.0, "force": 2.0}, {"machine": "m2", "heat": float("nan"), "force": 4.0}]
    made = reading_rows(page(rows, ("heat", "force")), {"m1": [0], "m2": [0, 1]})
    assert list(zip(made.keys(), made.values, strict=True)) == [
        (("m1", T0), {"heat": 1.0}),
        (("m2", T0), {"force": 4.0}),
    ]


def _reading_digests(page: Page) -> list[tuple[Key, Mapping[str, Any]]]:
    rows = reading_rows(page, {"m": []})
    return [(key, {"digest": digest}) for key, digest in zip(rows.keys(), rows.digests, strict=True)]


OTHER_CONTENT = {
    "a state": (lambda p: intake.state_rows(p, "s"), {"machine": "m", "state": "run"}, {"state": "idle"}),
    "an outcome": (lambda p: intake.outcome_rows(p, "s", "width"), {"serial": "A", "value": 1.0}, {"value": 2.0}),
    "an outcome that was taken back": (
        lambda p: intake.outcome_rows(p, "s", "width"), {"serial": "A", "value": 1.0}, {"value": np.nan},
    ),
    "a disposition": (
        lambda p: intake.disposition_rows(p, "s"), {"serial": "A", "disposition": "used"}, {"disposition": "scrap"},
    ),
    "the recipe of a reading": (
        _reading_digests, {"machine": "m", "recipe": "R1"}, {"recipe": "R2"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "row", "change"), OTHER_CONTENT.values(), ids=OTHER_CONTENT)
def test_other_content_under_the_same_key_has_another_digest(make: Any, row: Any, change: Any) -> None:
    (key, digest), (same, other) = _digests(make(page([row, {**row, **change}])))
    assert key == same
    assert digest != other


@pytest.mark.parametrize("make", [c[0] for c in OTHER_CONTENT.values()], ids=OTHER_CONTENT)
def test_posted_later_the_content_is_the_same(make: Any) -> None:
    row = {"machine": "m", "serial": "A", "value": 1.0}
    (_, digest), (_, later) = _digests(make(page([row, {**row, "available_at": at(60)}])))
    assert digest == later


def test_times_are_aware_and_to_the_microsecond() -> None:
    exact = T0 + timedelta(microseconds=123457)
    ((key, columns),) = intake.state_rows(page([{"machine": "m", "at": exact}]), "s")
    assert key == ("m", exact)
    assert columns["at"].tzinfo is UTC
