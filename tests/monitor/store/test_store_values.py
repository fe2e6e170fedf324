"""Values as text: what is written fast comes back as what is written by the standard library, and NaN is refused."""

from __future__ import annotations

import json
import math

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from monitor.store.database.tables import JsonText, ValuesText

DIALECT = sqlite.dialect()
WRITE, READ = ValuesText().bind_processor(DIALECT), ValuesText().result_processor(DIALECT, None)
PLAIN = JsonText().bind_processor(DIALECT)
NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)


@given(st.dictionaries(st.text(), NUMBERS | st.text() | st.booleans() | st.lists(NUMBERS)))
@pytest.mark.slow
def test_what_is_written_comes_back(values: dict[str, object]) -> None:
    for text in (WRITE(values), PLAIN(values)):
        assert text is not None
        assert repr(READ(text)) == repr(json.loads(text))
        assert READ(text) == values


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(value: float) -> None:
    for write in (WRITE, PLAIN):
        with pytest.raises(ValueError, match="JSON compliant"):
            write({"a": 1.0, "b": value})


def test_equal_values_give_equal_text_and_nothing_is_null() -> None:
    assert WRITE({"b": 1e-7, "a": 2.0}) == WRITE({"a": 2.0, "b": 1e-7}) == '{"a":2.0,"b":1e-7}'
    assert WRITE(None) is None
    assert READ(None) is None
    assert isinstance(ValuesText().dialect_impl(DIALECT).impl_instance, sa.Text)
