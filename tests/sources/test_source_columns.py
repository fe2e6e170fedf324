"""Raw columns to typed ones, one bad value never costing another row."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import RejectReason
from monitor.plant.sources import ImageFormat, ValueColumn
from monitor.sources.typed.columns import (
    not_allowed,
    numbers,
    quarantine_text,
    text_column,
    to_text,
    visit_numbers,
)
from monitor.sources.typed.images import images

NOT_A_NUMBER, INFINITE = RejectReason.NOT_A_NUMBER, RejectReason.INFINITE


@pytest.mark.parametrize(
    ("value", "config", "expected"),
    [
        pytest.param(12.5, {}, 12.5, id="a float"),
        pytest.param(12, {}, 12.0, id="an integer"),
        pytest.param(Decimal("12.5"), {}, 12.5, id="a decimal"),
        pytest.param("12.5", {}, 12.5, id="text that is a number"),
        pytest.param(" -1.5e3 ", {}, -1500.0, id="text with blanks and an exponent"),
        pytest.param(None, {}, None, id="null is missing"),
        pytest.param(math.nan, {}, None, id="nan is missing"),
        pytest.param(Decimal("NaN"), {}, None, id="a decimal nan is missing"),
        pytest.param(0, {"missing": [0]}, None, id="a code that means missing"),
        pytest.param("0", {"missing": [0]}, None, id="the code as text"),
        pytest.param(-999.0, {"missing": ["-999"]}, None, id="a code given as text for a number"),
        pytest.param("n/a", {"missing": ["n/a"]}, None, id="a word that means missing"),
        pytest.param(0.0, {"missing": ["n/a"]}, 0.0, id="a word as code leaves zero alone"),
        pytest.param(212, {"scale": 5 / 9, "offset": -32 * 5 / 9}, 100.0, id="scale, then offset"),
        pytest.param(0, {"missing": [32], "offset": 32}, 32.0, id="codes are compared before the conversion"),
        pytest.param("error", {}, NOT_A_NUMBER, id="a word"),
        pytest.param("", {}, NOT_A_NUMBER, id="empty text"),
        pytest.param("12,5", {}, NOT_A_NUMBER, id="a decimal comma"),
        pytest.param("nan", {}, NOT_A_NUMBER, id="nan as text"),
        pytest.param("1_000", {}, NOT_A_NUMBER, id="an underscore that python would take"),
        pytest.param(True, {}, NOT_A_NUMBER, id="a boolean"),
        pytest.param(b"12", {}, NOT_A_NUMBER, id="bytes"),
        pytest.param(math.inf, {}, INFINITE, id="infinity"),
        pytest.param("1e999", {}, INFINITE, id="text too large for a float"),
        pytest.param(10**400, {}, INFINITE, id="an integer too large for a float"),
        pytest.param(1e308, {"scale": 100}, INFINITE, id="infinite by conversion"),
        pytest.param(1.797e308, {}, INFINITE, id="a number whose square overflows"),
        pytest.param(-1e99, {"scale": 100}, INFINITE, id="too large by conversion"),
        pytest.param("NOK", {"codes": {"OK": 0, "NOK": 1}}, 1.0, id="a code"),
        pytest.param("n.i.O.  ", {"codes": {"i.O.": 0, "n.i.O.": 1}}, 1.0, id="a code padded by a char column"),
        pytest.param("nok", {"codes": {"OK": 0, "NOK": 1}}, NOT_A_NUMBER, id="a code in other letters"),
        pytest.param("3.5", {"codes": {"OK": 0}}, 3.5, id="a number beside codes"),
        pytest.param(Decimal("1.00"), {"codes": {"1": 0, "2": 1}}, 0.0, id="a number that is a code"),
        pytest.param(2, {"codes": {"1": 0, "2": 1}}, 1.0, id="a product class"),
        pytest.param(7, {"codes": {"1": 0, "2": 1}}, 7.0, id="a number that is no code"),
        pytest.param(True, {"codes": {"true": 1, "false": 0}}, 1.0, id="a boolean with codes"),
        pytest.param("OK", {"codes": {"OK": 1}, "scale": 100, "offset": 3}, 1.0, id="a code is not converted"),
        pytest.param("OK", {"codes": {"OK": -9}, "missing": [-9, "OK"]}, -9.0, id="nor missing"),
        pytest.param(None, {"codes": {"": 0, "None": 0}}, None, id="null is no code"),
        pytest.param("", {"codes": {"": 0}}, 0.0, id="empty text may be one"),
        pytest.param("12,5", {"decimal": ","}, 12.5, id="a decimal comma that is declared"),
        pytest.param(" -,5E3", {"decimal": ","}, -500.0, id="a comma without a digit before it"),
        pytest.param("12", {"decimal": ","}, 12.0, id="a whole number where commas are declared"),
        pytest.param(12.5, {"decimal": ","}, 12.5, id="a float where commas are declared"),
        pytest.param("12.5", {"decimal": ","}, NOT_A_NUMBER, id="a point where commas are declared"),
        pytest.param("1.234", {"decimal": ","}, NOT_A_NUMBER, id="a point that separates thousands, or does not"),
        pytest.param("1,2,3", {"decimal": ","}, NOT_A_NUMBER, id="two commas"),
        pytest.param("-999,0", {"decimal": ",", "missing": ["-999,0"]}, None, id="missing, with a comma"),
        pytest.param("-999,00", {"decimal": ",", "missing": [-999]}, None, id="a missing number, with a comma"),
        pytest.param("-999,00", {"decimal": ",", "missing": ["-999,0"]}, None, id="missing, with another comma"),
        pytest.param("10,0", {"decimal": ",", "scale": 2, "offset": 1}, 21.0, id="converted after the comma is read"),
        pytest.param("OK", {"decimal": ",", "codes": {"OK": 0.5}}, 0.5, id="a code among commas"),
    ],
)
@pytest.mark.parametrize("beside", [pytest.param(1.0, id="beside a number"), pytest.param("2", id="beside text")])
def test_a_number_is_read(value: object, config: dict[str, Any], expected: object, beside: object) -> None:
    found, faults = numbers([beside, value], ValueColumn(column="v", **config))
    if isinstance(expected, RejectReason):
        assert faults == {1: expected}
        assert math.isnan(found[1])
    else:
        assert not faults
        assert found[1] == pytest.approx(math.nan if expected is None else expected, nan_ok=True)
    assert not math.isnan(found[0])


@given(st.lists(st.one_of(st.none(), st.floats(), st.integers(), st.text(), st.booleans(), st.binary())))
@pytest.mark.slow
def test_any_column_gives_finite_or_missing_numbers(values: list[object]) -> None:
    found, faults = numbers(values, ValueColumn(column="v", scale=3.0))
    assert len(found) == len(values)
    assert not np.isinf(found).any()
    assert all(0 <= row < len(values) and math.isnan(found[row]) for row in faults)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("M 1", "M 1", id="text stands for itself"),
        pytest.param("M1   ", "M1", id="padding of a char column"),
        pytest.param(None, "", id="null"),
        pytest.param(12, "12", id="an integer"),
        pytest.param(12.0, "12", id="a whole float"),
        pytest.param(Decimal("12"), "12", id="a whole decimal"),
        pytest.param(12.5, "12.5", id="a broken float"),
        pytest.param(True, "true", id="a boolean"),
        pytest.param(b"\x01\xff", "01ff", id="bytes"),
        pytest.param("A\x00B", "", id="text that no postgresql store could keep"),
    ],
)
def test_a_word_is_read(value: object, expected: str) -> None:
    assert to_text(value) == expected


def test_codes_are_translated_and_others_stand_for_themselves() -> None:
    found = text_column([7, "m2", "m9"], {"7": "m1"})
    assert found == ["m1", "m2", "m9"]
    assert not_allowed(found, {"m1", "m2"}, RejectReason.UNKNOWN_MACHINE) == {2: RejectReason.UNKNOWN_MACHINE}


def test_a_visit_is_a_positive_whole_number() -> None:
    found, faults = visit_numbers([1, "2", 3.0, 0, -1, 1.5, None, "x", True, 10**12, "٣"])
    assert found[:3] == [1, 2, 3]
    assert faults == dict.fromkeys(range(3, 11), RejectReason.NO_KEY)


def test_an_image_becomes_mean_deviation_and_gradient() -> None:
    shape = ImageFormat(width=3, height=2)
    found, faults, _ = images([bytes([0, 10, 20, 0, 10, 20]), bytes(6), memoryview(bytes([0, 0, 0, 9, 9, 9]))], shape)
    assert not faults
    assert found[0] == pytest.approx([10.0, np.std([0, 10, 20]), 10.0]), "10 across, 0 down"
    assert found[1] == pytest.approx([0.0, 0.0, 0.0])
    assert found[2] == pytest.approx([4.5, 4.5, 9.0]), "0 across, 9 down, no overflow of a byte"


def test_what_is_no_image_of_the_size_is_refused_and_null_is_missing() -> None:
    found, faults, _ = images([bytes(5), "text", None, 3.0], ImageFormat(width=3, height=2))
    assert faults == dict.fromkeys((0, 1, 3), RejectReason.BAD_IMAGE)
    assert np.isnan(found).all()


def test_raw_values_are_kept_as_bounded_text() -> None:
    assert quarantine_text(None) is None
    assert quarantine_text(1.5) == "1.5"
    assert quarantine_text(bytes(4096)).startswith("<4096 bytes, sha256 ad7facb2586fc6e9")  # type: ignore[union-attr]
    assert len(quarantine_text("x" * 10_000) or "") < 600
