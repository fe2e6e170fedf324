"""Conditions on the rows of a source: what they may say, and that nothing else gets into SQL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.plant.conditions import parse_condition

FINE = {
    "LINE = :line AND KIND IN (:a, :b)": (("LINE", "KIND"), ("line", "a", "b")),
    "not (a <> :x or b is not null)": (("a", "b"), ("x",)),
    "größe between :low and :high": (("größe",), ("low", "high")),
    "a LIKE :p ESCAPE :e AND a != b": (("a", "b"), ("p", "e")),
    "AKTIV": (("AKTIV",), ()),
    "AKTIV IS TRUE": (("AKTIV",), ()),
    "-a + b * c / d - e % f <= :n": (("a", "b", "c", "d", "e", "f"), ("n",)),
    "a\n  = :x": (("a",), ("x",)),
}


@pytest.mark.parametrize(("sql", "named"), FINE.items(), ids=FINE)
def test_a_condition_names_columns_and_parameters(sql: str, named: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
    found = parse_condition(sql)
    assert (found.columns, found.parameters) == named
    assert found.write(str, lambda name: f":{name}") == sql


REFUSED = {
    "a = :x; DROP TABLE t": "holds no ';'",
    "a = :x -- and": "holds no comment",
    "a = :x /* and */": "holds no comment",
    "a = 'x'": "no text in quotes; write a :parameter",
    'a = "x"': "no quotes",
    "a = `x`": "holds no '`'",
    "a = $$x$$": r"holds no '\$'",
    "a = [x]": r"holds no '\['",
    "a = 5": "no values such as 5; write a :parameter",
    "a = .5e3": "no values such as .5e3",
    "a = -0x1f": "no values such as 0x1f",
    "a = :x::int": "holds no '::'",
    "a = ?": r"holds no '\?'",
    "a || b = :x": r"holds no '\|'",
    "t.a = :x": r"holds no '\.'",
    "a = pg_sleep(:x)": "'pg_sleep' is a function",
    "a = (SELECT (b))": "'SELECT' is a function",
    "a = :x)": "brackets",
    "a = :x) OR (b = :x": "brackets",
    "(a = :x": "brackets",
    ":x = :x": "at least one column",
    "a = :": "holds no ':'",
    "a = :1": "holds no ':'",
    "  ": "at least one column",
}


@pytest.mark.parametrize(("sql", "problem"), REFUSED.items(), ids=REFUSED)
def test_whatever_else_sql_knows_is_refused(sql: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_condition(sql)


@given(st.text(alphabet="abcORINSLTunion '\";-/*()$:0.\\[]`=%", max_size=30))
def test_no_accepted_condition_holds_a_value_or_a_second_statement(sql: str) -> None:
    try:
        found = parse_condition(sql)
    except ValueError:
        return
    written = found.write(lambda name: "c", lambda name: "p")
    assert not set(written) & set("';\"$`\\[]0."), written
    assert "--" not in written
    assert "/*" not in written
