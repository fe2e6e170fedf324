"""Raw rows to pages: every kind of source, every reason to refuse a row, and the long layout."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sources_plant import make_plant

from monitor.model import RejectReason
from monitor.sources.typed.plan import make_plan, source_codes
from monitor.sources.typed.rows import TypedRows, type_rows

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
T = "2026-01-05T11:00:00Z"


def typed(rows: list[tuple[object, ...]], **config: Any) -> TypedRows:
    plant = make_plant(**config)
    return type_rows(rows, make_plan(plant.sources["it"], plant), NOW, plant.clock_skew)


def reasons(found: TypedRows) -> list[RejectReason]:
    return [r.reason for r in found.rejects]


PARTS = {
    "kind": "part_steps",
    "serial": "sn",
    "step": {"column": "op", "codes": {"10": "forging", "20": "coating"}},
    "visit": "pass",
    "machine": "m",
    "lot": "lot",
    "values": {"length": "x", "width": {"column": "y", "missing": [0], "scale": 2}},
}
WIDE = {"kind": "readings", "machine": "m", "recipe": "r", "values": {"temp": "a", "force": "b"}}
LONG = {"kind": "readings", "machine": "m", "recipe": "r", "sensor": "s", "value": "v"}
STATES = {"kind": "machine_states", "machine": "m", "state": {"column": "s", "codes": {"1": "run", "0": "down"}}}
OUTCOMES = {"kind": "outcomes", "serial": "sn", "characteristic": "twist", "value": "v"}
LEAK = {"kind": "outcomes", "serial": "sn", "characteristic": "leak", "value": {"column": "v", "codes": {"NOK": 1}}}
SAID = {"kind": "dispositions", "serial": "sn", "step": "op", "disposition": "d"}


def test_part_steps_have_all_columns_of_the_contract() -> None:
    found = typed([(T, "S1", 10, "m1", "L1", 2, 1.5, 0), (T, "S2", "20", None, None, 1, None, 4)], **PARTS)
    assert not found.rejects
    assert list(found.frame) == ["at", "available_at", "serial", "step", "visit", "machine", "recipe", "lot"]
    assert found.frame.dtypes["visit"] == "Int64"
    assert str(found.frame.dtypes["at"]) == str(found.frame.dtypes["available_at"]) == "datetime64[ns, UTC]"
    assert found.frame.iloc[0].tolist()[2:] == ["S1", "forging", 2, "m1", "", "L1"]
    assert found.frame.iloc[1].tolist()[2:] == ["S2", "coating", 1, "", "", ""]
    assert found.values == pytest.approx(np.array([[1.5, math.nan], [math.nan, 8.0]]), nan_ok=True)


def test_without_a_visit_column_visits_are_unknown() -> None:
    config = {k: v for k, v in PARTS.items() if k != "visit"}
    found = typed([(T, "S1", "10", "m1", "L1", 1.0, 1.0)], **config)
    assert found.frame["visit"].isna().all()
    assert found.frame.dtypes["visit"] == "Int64"


def test_an_image_becomes_three_features() -> None:
    values = {"surface": {"column": "img", "image": {"width": 2, "height": 2}}, "length": "x"}
    found = typed([(T, "S1", "forging", bytes(4), 1.0)], kind="part_steps", serial="sn", step="op", values=values)
    assert found.values.tolist() == [[0.0, 0.0, 0.0, 1.0]]


@pytest.mark.parametrize(
    ("config", "row", "expected"),
    [
        pytest.param(PARTS, (T, None, 10, "m1", "L", 1, 1, 1), RejectReason.NO_KEY, id="a part without a serial"),
        pytest.param(PARTS, (T, "  ", 10, "m1", "L", 1, 1, 1), RejectReason.NO_KEY, id="a part with a blank serial"),
        pytest.param(PARTS, (T, "S", 10, "m1", "L", 0, 1, 1), RejectReason.NO_KEY, id="visit zero"),
        pytest.param(PARTS, (T, "S", 30, "m1", "L", 1, 1, 1), RejectReason.UNKNOWN_STEP, id="a step of no plant"),
        pytest.param(PARTS, (T, "S", 10, "m9", "L", 1, 1, 1), RejectReason.UNKNOWN_MACHINE, id="a part's machine"),
        pytest.param(PARTS, (None, "S", 10, "m1", "L", 1, 1, 1), RejectReason.NO_TIME, id="no time"),
        pytest.param(PARTS, ("x", "S", 10, "m1", "L", 1, 1, 1), RejectReason.IMPOSSIBLE_TIME, id="no such time"),
        pytest.param(PARTS, (T[:-1], "S", 10, "m1", "L", 1, 1, 1), RejectReason.AMBIGUOUS_TIME, id="naive, no zone"),
        pytest.param(PARTS, ("2026-01-05T12:05:01Z", "S", 10, "m1", "L", 1, 1, 1), RejectReason.AHEAD_OF_CLOCK,
                     id="more than the skew ahead"),
        pytest.param(PARTS, (T, "S", 10, "m1", "L", 1, "bad", 1), RejectReason.NOT_A_NUMBER, id="a word for a number"),
        pytest.param(WIDE, (T, None, "r", 1, 1), RejectReason.UNKNOWN_MACHINE, id="a reading of no machine"),
        pytest.param(WIDE, (T, "m9", "r", 1, 1), RejectReason.UNKNOWN_MACHINE, id="a reading of an unknown machine"),
        pytest.param(WIDE, (T, "m1", "r", None, math.inf), RejectReason.INFINITE, id="an infinite reading"),
        pytest.param(LONG, (T, "m1", "r", "speed", 1), RejectReason.UNKNOWN_SENSOR, id="an unknown sensor"),
        pytest.param(LONG, (T, "m1", "r", None, 1), RejectReason.UNKNOWN_SENSOR, id="no sensor"),
        pytest.param(STATES, (T, "m1", "7"), RejectReason.UNKNOWN_STATE, id="an unknown state"),
        pytest.param(STATES, (T, "m9", "1"), RejectReason.UNKNOWN_MACHINE, id="a state of an unknown machine"),
        pytest.param(OUTCOMES, (T, "", 1.0), RejectReason.NO_KEY, id="an outcome without a serial"),
        pytest.param(OUTCOMES, (T, "S", "ok"), RejectReason.NOT_A_NUMBER, id="an outcome that is a word"),
        pytest.param(LEAK, (T, "S", 2), RejectReason.UNKNOWN_CLASS, id="an outcome of no class"),
        pytest.param(LEAK, (T, "S", 0.5), RejectReason.UNKNOWN_CLASS, id="an outcome between two classes"),
        pytest.param(SAID, (T, "S", "x", "scrap"), RejectReason.UNKNOWN_STEP, id="a disposition at an unknown step"),
    ],
)  # fmt: skip
def test_a_bad_row_is_refused_with_its_reason_and_the_others_pass(
    config: dict[str, Any], row: tuple[object, ...], expected: RejectReason
) -> None:
    good: dict[str, tuple[object, ...]] = {
        "part_steps": (T, "S0", 10, "m1", "L", 1, 1, 1),
        "readings": (T, "m2", "r", "temp", 1) if "sensor" in config else (T, "m2", "r", 1, 1),
        "machine_states": (T, "m2", 1),
        "outcomes": (T, "S0", 1.0),
        "dispositions": (T, "S0", "forging", "scrap"),
    }
    found = typed([row, good[config["kind"]]], **config)
    assert reasons(found) == [expected]
    assert len(found.frame) == 1
    assert list(found.frame.index) == [0]


def test_an_outcome_of_a_class_is_one_of_its_numbers_or_missing() -> None:
    rows = [(T, "S1", "NOK"), (T, "S2", 0), (T, "S3", None), (T, "S4", "7")]
    found = typed(rows, **LEAK)
    assert found.frame["serial"].tolist() == ["S1", "S2", "S3"]
    assert found.frame["value"].tolist()[:2] == [1.0, 0.0]
    [reject] = found.rejects
    assert (reject.reason, reject.column) == (RejectReason.UNKNOWN_CLASS, "v")


def test_a_bad_cell_of_a_wide_reading_hides_one_sensor_for_one_row() -> None:
    """The whole row is refused only where nothing else can be read in it."""
    rows = [(T, "m2", "r", "Bad Input", 2), (T, "m1", "r", "Bad Input", math.inf), (T, "m1", "r", None, None)]
    found = typed([(T, "m0", "r", 1, 1), *rows[:2]], **WIDE)
    assert found.frame["machine"].tolist() == ["m2"]
    assert np.array_equal(found.values, [[math.nan, 2.0]], equal_nan=True)
    assert found.hidden == {0: [RejectReason.NOT_A_NUMBER]}
    assert sorted(reasons(found)) == [RejectReason.NOT_A_NUMBER, RejectReason.UNKNOWN_MACHINE]
    assert not typed(rows[2:], **WIDE).rejects, "a row without values is a row"


def test_a_reject_carries_its_key_time_and_whole_row() -> None:
    found = typed([(T, "S", 10, "m1", b"\x00" * 4, 1, "bad", None)], **PARTS)
    (reject,) = found.rejects
    assert json.loads(reject.key) == {"sn": "S", "op": "10", "pass": "1"}
    assert reject.at == datetime(2026, 1, 5, 11, tzinfo=UTC)
    assert reject.row["x"] == "bad"
    assert reject.row["y"] is None
    assert (reject.row["lot"] or "").startswith("<4 bytes")
    assert typed([("x", "S", 10, "m1", "L", 1, 1, 1)], **PARTS).rejects[0].at is None


def test_a_row_up_to_the_skew_ahead_is_accepted() -> None:
    assert not typed([("2026-01-05T12:05:00Z", "m1", "r", 1, 1)], **WIDE).rejects


def test_the_declared_delay_says_when_a_row_could_be_known() -> None:
    frame = typed([(T, "m1", "r", 1, 1)], **WIDE, delay="10m").frame
    assert (frame["available_at"] - frame["at"]).tolist() == [timedelta(minutes=10)]


def test_outcomes_states_and_dispositions() -> None:
    outcome = typed([(T, "S", "1.5")], **OUTCOMES)
    assert outcome.frame["value"].tolist() == [1.5]
    assert outcome.values.shape == (1, 0)
    assert typed([(T, "m1", 1), (T, "m2", "idle")], **STATES).frame["state"].tolist() == ["run", "idle"]
    said = typed([(T, "S", "S10")], kind="dispositions", serial="sn", disposition="d")
    assert said.frame[["serial", "step", "disposition"]].to_numpy().tolist() == [["S", "", "S10"]]


SAME = (T, "m1", "r", 1.0, 2.0)


@pytest.mark.parametrize(
    ("rows", "refused"),
    [
        pytest.param([SAME, SAME], 0, id="identical rows stay, to be counted"),
        pytest.param([SAME, (T, "m1", "r", "1.0", 2)], 0, id="the same numbers written differently are identical"),
        pytest.param([SAME, (T, "m1", "r", 1.0, None)], 2, id="another number: both are refused"),
        pytest.param([SAME, (T, "m1", "q", 1.0, 2.0)], 2, id="another recipe: both are refused"),
        pytest.param([SAME, (T, "m2", "q", 9.0, 2.0)], 0, id="another machine is no contradiction"),
        pytest.param([SAME, (T, "m1", "r", "bad", 2.0)], 1, id="a row refused for its own fault accuses no other"),
        pytest.param([SAME, SAME, (T, "m1", "r", 3.0, 2.0)], 3, id="a majority does not decide"),
    ],
)
def test_rows_that_contradict_each_other(rows: list[tuple[object, ...]], refused: int) -> None:
    found = typed(rows, **WIDE)
    assert len(found.rejects) == refused
    assert len(found.frame) == len(rows) - refused


def test_a_later_version_of_a_row_is_no_contradiction() -> None:
    rows: list[tuple[object, ...]] = [(T, T, "m1", "r", 1, 1), (T, "2026-01-05T11:30:00Z", "m1", "r", 2, 1)]
    assert not typed(rows, **WIDE, available_at="known").rejects


def test_long_rows_become_one_row_an_instant_in_order_of_appearance() -> None:
    later = "2026-01-05T11:00:30Z"
    rows: list[tuple[object, ...]] = [
        (T, "m2", "r", "force", 4.0), (T, "m1", "r", "temp", 1.0), (T, "m1", "r", "force", 2.0),
        (T, "m1", "r", "force", 2.0), (later, "m1", "r", "temp", 5.0), (later, "m1", "r", "force", "bad"),
    ]  # fmt: skip
    found = typed(rows, **LONG)
    assert reasons(found) == [RejectReason.NOT_A_NUMBER]
    assert found.frame["machine"].tolist() == ["m2", "m1", "m1"]
    assert found.values == pytest.approx(np.array([[math.nan, 4], [1, 2], [5, math.nan]]), nan_ok=True)
    assert list(found.frame) == ["at", "available_at", "machine", "recipe"]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param((T, "m1", "r", "temp", 2.0), id="two numbers of one sensor"),
        pytest.param((T, "m1", "q", "force", 2.0), id="two recipes at one instant"),
    ],
)
def test_long_rows_that_contradict_each_other_are_refused(other: tuple[object, ...]) -> None:
    found = typed([(T, "m1", "r", "temp", 1.0), other, (T, "m2", "r", "temp", 1.0)], **LONG)
    assert reasons(found) == [RejectReason.CONTRADICTION] * 2
    assert found.frame["machine"].tolist() == ["m2"]


@pytest.mark.parametrize("config", [PARTS, WIDE, LONG, STATES, OUTCOMES, SAID], ids=lambda c: str(c["kind"]))
def test_no_rows_give_an_empty_frame_of_the_same_columns(config: dict[str, Any]) -> None:
    found = typed([], **config)
    assert found.frame.empty
    assert str(found.frame.dtypes["at"]) == "datetime64[ns, UTC]"
    assert found.values.shape[0] == 0


def test_partitions_are_selected_by_the_sources_own_codes() -> None:
    plant = make_plant(**STATES | {"machine": {"column": "m", "codes": {"7": "m1", "8": "m1", "m2": "m1"}}})
    member = make_plan(plant.sources["it"], plant).member
    assert member is not None
    assert source_codes(member, "m1") == ("7", "8", "m2", "m1")
    assert source_codes(member, "m2") == (), "the source uses the word m2 for another machine"


SWAPPED = "2026-01-05T10:00:00+01:00"
AROUND = [("2026-01-05T08:59:59Z", 1.0), ("2026-01-05T09:00:00Z", 10.0), ("2026-01-05T09:30:00Z", 10.0)]


def test_a_swapped_sensor_converts_by_the_time_of_the_event() -> None:
    conversions = [{"since": "2026-01-05T09:30:00Z", "scale": 100}, {"since": SWAPPED, "scale": 10, "offset": 1}]
    value = {"column": "a", "scale": 2, "offset": 5, "conversions": conversions}
    config = {**WIDE, "values": {"temp": value, "force": "b"}}
    rows = [(at, "m1", "r", 1.0, 1.0) for at, _ in AROUND]
    for order in (rows, rows[::-1]):
        found = typed(order, **config)
        assert sorted(found.values[:, 0].tolist()) == [7.0, 11.0, 100.0]
        assert found.values[:, 1].tolist() == [1.0] * 3
    later = typed(
        [(at, "2026-01-05T11:30:00Z", "m1", "r", 1.0, 1.0) for at, _ in AROUND], **config, available_at="known"
    )
    assert later.values[:, 0].tolist() == [7.0, 11.0, 100.0], "not by the time at which the row is known"


def test_a_sensor_is_swapped_at_one_machine_only() -> None:
    conversions = [{"since": SWAPPED, "scale": 10, "machine": "m1"}, {"since": SWAPPED, "scale": 1000}]
    config = {**WIDE, "values": {"temp": {"column": "a", "conversions": conversions}, "force": "b"}}
    found = typed([(at, m, "r", 1.0, 1.0) for m in ("m1", "m2") for at, _ in AROUND], **config)
    assert found.values[:, 0].tolist() == [1.0, 10.0, 10.0, 1.0, 1000.0, 1000.0]


def test_a_sensor_of_the_long_layout_is_swapped_by_itself() -> None:
    conversions = [{"since": SWAPPED, "scale": 10, "machine": "m1", "sensor": "temp"}]
    config = {**LONG, "value": {"column": "v", "conversions": conversions, "codes": {"off": 3}, "missing": [-1]}}
    rows = [(at, m, "r", s, 1.0) for m in ("m1", "m2") for s in ("temp", "force") for at, _ in AROUND]
    found = typed([*rows, ("2026-01-05T09:40:00Z", "m1", "r", "temp", "off"), (T, "m1", "r", "temp", -1)], **config)
    places = {name: i for i, name in enumerate(("temp", "force"))}
    by_machine = {m: found.values[(found.frame["machine"] == m).to_numpy()] for m in ("m1", "m2")}
    assert by_machine["m1"][:4, places["temp"]].tolist() == [1.0, 10.0, 10.0, 3.0], "a code is not converted"
    assert math.isnan(by_machine["m1"][4, places["temp"]])
    assert by_machine["m1"][:3, places["force"]].tolist() == [1.0, 1.0, 1.0]
    assert by_machine["m2"].tolist() == [[1.0, 1.0]] * 3


def test_every_number_of_a_vector_and_an_outcome_convert_by_time() -> None:
    conversions = [{"since": SWAPPED, "scale": 10}]
    parts = {**PARTS, "values": {"curve": {"column": "x", "vector": 2, "conversions": conversions}}}
    found = typed([(at, f"S{i}", "10", "m1", "L1", 1, "[1, 2]") for i, (at, _) in enumerate(AROUND)], **parts)
    assert found.values.tolist() == [[1.0, 2.0], [10.0, 20.0], [10.0, 20.0]]
    outcomes = {**OUTCOMES, "value": {"column": "v", "conversions": conversions}}
    found = typed([(at, f"S{i}", 1.0) for i, (at, _) in enumerate(AROUND)], **outcomes)
    assert found.frame["value"].tolist() == [value for _, value in AROUND]


def test_a_row_without_a_time_is_refused_whatever_converts_it() -> None:
    value = {"column": "v", "conversions": [{"since": SWAPPED, "scale": 1e99}]}
    found = typed([("soon", "S1", 1.0), (T, "S2", 1e3)], **{**OUTCOMES, "value": value})
    assert reasons(found) == [RejectReason.IMPOSSIBLE_TIME, RejectReason.INFINITE]
