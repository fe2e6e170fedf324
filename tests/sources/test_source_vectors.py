"""Columns that hold many numbers a row."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import RejectReason
from monitor.plant.features import feature_names
from monitor.plant.sources import ValueColumn
from monitor.sources.typed.vectors import vectors

NAN = math.nan
DOUBLES = np.array([1.0, NAN, 3.5], "<f8").tobytes()
BAD = RejectReason.BAD_VECTOR

CELLS = [
    ("a JSON array", "[1, 2.5, 3]", {}, [1, 2.5, 3]),
    ("null and NaN in a JSON array are missing", "[1, null, NaN]", {}, [1, NAN, NAN]),
    ("numbers as text in a JSON array", '["1", " 2.5 ", "3"]', {}, [1, 2.5, 3]),
    ("an array of the database", [1, None, 3.0], {}, [1, NAN, 3]),
    ("bytes of doubles", DOUBLES, {}, [1, NAN, 3.5]),
    ("bytes of doubles as a view", memoryview(DOUBLES), {}, [1, NAN, 3.5]),
    ("NULL", None, {}, [NAN, NAN, NAN]),
    ("a conversion counts for each value", "[1, 2, 3]", {"scale": 10, "offset": 1}, [11, 21, 31]),
    ("codes for missing count for each value", '[0, "n/a", 3]', {"missing": [0, "n/a"]}, [NAN, NAN, 3]),
    ("too few values", "[1, 2]", {}, BAD),
    ("too many values", [1, 2, 3, 4], {}, BAD),
    ("no array", '{"a": 1}', {}, BAD),
    ("no JSON", "1;2;3", {}, BAD),
    ("JSON nested beyond reason", "[" * 100_000, {}, BAD),
    ("a number", 3.0, {}, BAD),
    ("half a double", DOUBLES[:-3], {}, BAD),
    ("a word among the values", '[1, "x", 3]', {}, RejectReason.NOT_A_NUMBER),
    ("an array among the values", "[1, [2], 3]", {}, RejectReason.NOT_A_NUMBER),
    ("an infinity among the values", "[1, Infinity, 3]", {}, RejectReason.INFINITE),
]


@pytest.mark.parametrize(("cell", "config", "expected"), [c[1:] for c in CELLS], ids=[c[0] for c in CELLS])
def test_a_vector_is_read(cell: object, config: dict[str, Any], expected: object) -> None:
    found, faults = vectors(["[7, 8, 9]", cell], ValueColumn(column="v", vector=3, **config))
    if isinstance(expected, RejectReason):
        assert faults == {1: expected}
    else:
        assert not faults
        np.testing.assert_array_equal(found[1], expected)
    assert not np.isnan(found[0]).any(), "a bad row costs no other"


@given(st.lists(st.lists(st.floats(-1e100, 1e100) | st.just(math.nan), min_size=4, max_size=4)))
@pytest.mark.slow
def test_every_way_of_writing_gives_the_same_numbers(rows: list[list[float]]) -> None:
    column = ValueColumn(column="v", vector=4)
    written = [[json.dumps(row) for row in rows], rows, [np.array(row, "<f8").tobytes() for row in rows]]
    for cells in written:
        found, faults = vectors(cells, column)
        assert not faults
        np.testing.assert_array_equal(found, np.array(rows).reshape(-1, 4))


def test_the_features_of_a_vector_are_numbered_with_as_many_digits_as_the_last_needs() -> None:
    assert feature_names("s", ValueColumn(column="v", vector=3)) == ("s1", "s2", "s3")
    names = feature_names("s", ValueColumn(column="v", vector=590))
    assert (names[0], names[-1], len(names)) == ("s001", "s590", 590)
