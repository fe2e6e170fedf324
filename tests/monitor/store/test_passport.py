"""The passport of a part holds all that the store knows of it, nothing of others, always in the same order."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import passport_rows as made
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from monitor.gate_models.plant_files import PlantFiles
from monitor.plant.plant import Plant
from monitor.plant.sources import DispositionSource
from monitor.reports.part.reading import Lens
from monitor.reports.part.text import as_text
from monitor.reports.passport import MAX_FINDINGS, passport
from monitor.store.database import tables as t


@pytest.fixture
def engine(store_url: str) -> sa.Engine:
    return sa.create_engine(store_url, poolclass=sa.NullPool)


def ask(engine: sa.Engine, serial: str) -> dict[str, Any] | None:
    with engine.connect() as connection:
        return passport(connection, serial)


def events(engine: sa.Engine, kind: str) -> list[dict[str, Any]]:
    found = ask(engine, made.SERIAL)
    assert found is not None
    return [event for event in found["events"] if event["kind"] == kind]


def test_everything_of_the_part_and_nothing_of_others_is_told_in_order_of_time(engine: sa.Engine) -> None:
    made.fill(engine)
    found = ask(engine, made.SERIAL)
    assert found is not None
    assert [(event["at"][5:16], event["kind"]) for event in found["events"]] == [
        ("03-02T11:50", "machine_finding"),
        ("03-02T11:55", "quarantine"),
        ("03-02T11:58", "machine_window"),
        ("03-02T12:00", "part_step"),
        ("03-02T12:00", "part_step"),
        ("03-02T12:02", "decision"),
        ("03-02T12:03", "recommendation"),
        ("03-02T13:00", "disposition"),
        ("03-03T12:00", "outcome"),
    ]
    assert "B/70" not in json.dumps({name: found[name] for name in ("decisions", "events")})
    assert json.dumps(found, allow_nan=False) == json.dumps(ask(engine, made.SERIAL))


def test_a_decision_names_what_it_rests_on(engine: sa.Engine) -> None:
    made.fill(engine)
    (event,) = events(engine, "decision")
    assert event["summary"] == "gate shape at forging, visit 1: scrap (out_of_spec), tip predicted 1.25 in [1, 1.5]"
    wanted = {"version": "3", "model_digest": "abc", "plant_digest": "def", "lower": 1.0, "inputs": {"forging.p1": 1}}
    assert event["details"].items() >= wanted.items()


def test_a_correction_is_told_beside_what_it_corrects(engine: sa.Engine) -> None:
    made.fill(engine)
    first, second = events(engine, "part_step")
    assert (first["details"]["revision"], second["details"]["revision"]) == (0, 1)
    assert second["summary"] == "correction 1 of step forging, visit 1 on F1, recipe R1, lot L9"


def test_the_window_of_the_machine_tells_means_of_what_was_measured(engine: sa.Engine) -> None:
    made.fill(engine)
    (event,) = events(engine, "machine_window")
    assert event["details"]["sensors"]["temperature"]["mean"] == 350.0
    assert event["details"]["sensors"]["empty"]["mean"] is None
    assert event["details"]["machine"] == "F1"


@pytest.mark.parametrize(
    ("status", "error", "told"),
    [
        ("sent", None, "recommendation scrap for forging: sent"),
        ("pending", "locked", "recommendation scrap for forging: waits to be sent"),
        ("dead", "no key", "recommendation scrap for forging: could not be delivered"),
    ],
)
def test_the_delivery_of_a_recommendation_is_told(engine: sa.Engine, status: str, error: str, told: str) -> None:
    made.fill(engine, {t.outbox: [made.outbox(1, status=status, error=error)]})
    (event,) = events(engine, "recommendation")
    assert (event["summary"], event["details"]["error"]) == (told, error)


def test_the_findings_around_a_step_are_bounded(engine: sa.Engine) -> None:
    many = [made.finding(-n / 60) for n in range(MAX_FINDINGS + 5)]
    made.fill(engine, {t.part_step: [made.part_step(1, 0)], t.finding: many})
    found = events(engine, "machine_finding")
    assert len(found) == MAX_FINDINGS
    assert found[-1]["at"] == "2026-03-02T12:00:00.000Z"


CONTEXT = {
    "a change since the part before is its own": ([-3], [], ["breach"]),
    "a breach that was over before is another part's": ([-25], [-20], []),
    "a breach that lasts is everybody's": ([-25], [], ["breach"]),
    "one that ends while it is there": ([-25], [-2], ["ok"]),
    "a change after the next part came is the next one's": ([4], [], []),
}


@pytest.mark.parametrize(("began", "ended", "told"), CONTEXT.values(), ids=CONTEXT)
def test_findings_are_those_of_the_parts_own_passage(
    began: list[int], ended: list[int], told: list[str], engine: sa.Engine
) -> None:
    others = [made.part_step(8, -10) | {"serial": "before"}, made.part_step(9, 2) | {"serial": "after"}]
    findings = [made.finding(minute) for minute in began]
    findings += [made.finding(minute) | {"status": "ok"} for minute in ended]
    made.fill(engine, {t.part_step: [made.part_step(1, 0), *others], t.finding: findings})
    assert [event["details"]["status"] for event in events(engine, "machine_finding")] == told


@pytest.mark.parametrize("status", ["cannot_judge", "no_data"])
def test_a_finding_that_says_nothing_is_left_out(status: str, engine: sa.Engine) -> None:
    made.fill(engine, {t.part_step: [made.part_step(1, 0)], t.finding: [made.finding(-1, status=status)]})
    assert events(engine, "machine_finding") == []


def test_two_steps_on_one_machine_tell_its_findings_once(engine: sa.Engine) -> None:
    steps = [made.part_step(1, 0), made.part_step(2, 1, visit=2)]
    made.fill(engine, {t.part_step: steps, t.finding: [made.finding(-1)]})
    assert len(events(engine, "machine_finding")) == 1


@pytest.mark.parametrize(
    "serial",
    ["nobody", "", "B/", "b/7", "%", "_/7", "\0", "B/7\0", "\ud800", "'; DROP TABLE part_step; --", "x" * 100_000],
    ids=["unknown", "empty", "a prefix", "another case", "a wildcard", "one wild letter", "NUL", "NUL behind",
         "a lone surrogate", "SQL", "very long"],
)  # fmt: skip
def test_of_any_other_serial_nothing_is_known(engine: sa.Engine, serial: str) -> None:
    made.fill(engine)
    assert ask(engine, serial) is None


@pytest.mark.parametrize("serial", ['Ü"\\/', "100%_", "</script>", "..", "a\nb"])
@pytest.mark.parametrize("ascii_only", [True, False], ids=["key in ASCII", "key in UTF-8"])
def test_a_row_in_quarantine_alone_makes_a_passport(engine: sa.Engine, serial: str, ascii_only: bool) -> None:
    key = json.dumps({"Seriennummer": serial}, ensure_ascii=ascii_only)
    made.fill(engine, {t.quarantine: [made.quarantined(1, key), made.quarantined(2, json.dumps([serial + "x"]))]})
    found = ask(engine, serial)
    assert found is not None
    assert Counter(event["kind"] for event in found["events"]) == {"quarantine": 1}


def test_as_text_has_a_line_for_each_event_and_its_details(engine: sa.Engine) -> None:
    made.fill(engine)
    found = ask(engine, made.SERIAL)
    assert found is not None
    lines = as_text(found).splitlines()
    assert lines[0] == "part B/7"
    assert "2026-03-02T12:02:00.000Z  decision        gate shape at forging, visit 1: scrap (out_of_spec)" in str(lines)
    assert f"{'':24}model_digest: abc" in lines
    history = lines[lines.index("history") + 1 :]
    assert sum(line[0] != " " for line in history) == len(found["events"])


@given(st.text(st.characters(), max_size=20))
def test_no_text_of_the_data_reaches_the_terminal_as_a_command(text: str) -> None:
    event = {"at": "2026", "kind": "outcome", "summary": text, "details": {"value": text}}
    told = as_text({"serial": text, "events": [event]})
    assert told.count("\n") == 3
    assert told.replace("\n", "").isprintable()


def test_a_part_step_names_its_pictures(engine: sa.Engine) -> None:
    made.fill(engine)
    assert not any("pictures" in event["details"] for event in events(engine, "part_step"))
    first = events(engine, "part_step")[0]["details"]["arrival"]
    with engine.begin() as connection:
        rows = [{"arrival": first, "name": name, "png": b"x"} for name in ("top", "side")]
        connection.execute(t.picture.insert(), [*rows, {"arrival": 9999, "name": "other", "png": b"x"}])
    named = {event["details"]["arrival"]: event["details"].get("pictures") for event in events(engine, "part_step")}
    assert named[first] == ["side", "top"]
    assert [names for arrival, names in named.items() if arrival != first] == [None]


def decision_of(engine: sa.Engine, lens: Lens | None = None) -> dict[str, Any]:
    with engine.connect() as connection:
        found: Any = passport(connection, made.SERIAL, None, lens)
    return dict(found["decisions"][0])


def plant_of_then(**gate: Any) -> Plant:
    """The plant file by which the decisions of the rows were made."""
    shape = {"step": "forging", "characteristic": "tip", "model": "m", "profile": ["p1", "p2", "p3", "p4"]}
    columns = {f"p{i}": {"column": f"p{i}", "unit": "mm"} for i in range(1, 5)}
    spec = {"since": "2026-01-01T00:00:00Z", "lower": 0.5, "upper": 1.0}
    return Plant.model_validate({
        "version": 1, "site": "north", "steps": {"forging": {"line": "blades", "decide_by": "1h"}},
        "characteristics": {"tip": {"unit": "mm", "specs": [spec]}}, "gates": {"shape": shape | gate},
        "sources": {"mes": {"kind": "part_steps", "url": "sqlite:///mes.db", "table": "steps", "serial": "serial",
                            "at": {"column": "at", "zone": "UTC"}, "step": {"column": "step"}, "values": columns}},
    })  # fmt: skip


def lens_of(plant: Plant | None, now: datetime | None = None) -> Lens:
    return Lens(lambda connection, digest: plant if digest == "def" else None, plant, now)


STEP_INPUTS = {"forging": 1}


def test_a_decision_is_told_beside_its_specification_inputs_and_outcome(engine: sa.Engine) -> None:
    made.fill(engine, {**made.ROWS, t.decision: [made.decision(2, inputs=STEP_INPUTS)]})
    one = decision_of(engine, lens_of(plant_of_then()))
    assert one["sentence"] == ("scrap: the interval 1 to 1.5 mm crosses the upper limit 1")
    assert one["specification"] == {"lower": 0.5, "target": None, "upper": 1.0, "unit": "mm",
                                    "rework": {"below": 0.0, "above": 0.0}}  # fmt: skip
    assert [(row["name"], row["value"], row["unit"]) for row in one["inputs"]] == [
        ("forging.p1", 1.5, "mm"), ("forging.p2", None, "mm"), ("forging.p3", None, "mm"), ("forging.p4", None, "mm")
    ]  # fmt: skip
    assert [(row["value"], row["inside"]) for row in one["outcomes"]] == [(1.75, False)]
    assert [(row["status"], row["channel"]) for row in one["sent"]] == [("sent", "mes")]
    assert [row["disposition"] for row in one["dispositions"]] == ["scrapped"]
    assert one["model"] == {"name": "m", "version": "3", "digest": "abc", "in_force_since": None}
    assert (one["waits"], one["alternatives"], one["picture"]) == (None, [], None)


UNKNOWN: dict[str, Plant | None] = {
    "the plant file is not stored": None,
    "the gate was removed": plant_of_then().model_copy(update={"gates": {}}),
    "the gate predicts something else": plant_of_then().model_copy(
        update={"gates": {"shape": plant_of_then().gates["shape"].model_copy(update={"characteristic": "other"})}}
    ),
}


@pytest.mark.parametrize("plant", UNKNOWN.values(), ids=UNKNOWN)
def test_a_decision_of_an_unknown_gate_is_told_as_far_as_it_is_known(plant: Plant | None, engine: sa.Engine) -> None:
    made.fill(engine, {**made.ROWS, t.decision: [made.decision(2, inputs=STEP_INPUTS, costs=[])]})
    one = decision_of(engine, lens_of(plant))
    assert one["sentence"] == "scrap: the interval 1 to 1.5, of which the specification is not known"
    assert (one["specification"], one["coverage"], one["predicted"]) == (None, None, 1.25)
    assert [row["name"] for row in one["inputs"]] == ["forging.p1", "forging.p2"]
    assert [row["inside"] for row in one["outcomes"]] == [None]


def test_the_newest_decision_of_each_gate_comes_first(engine: sa.Engine) -> None:
    rows = [made.decision(2), made.decision(9, gate="late", step="coating"), made.decision(5, visit=2, verdict="hold")]
    made.fill(engine, {t.decision: rows})
    with engine.connect() as connection:
        found: Any = passport(connection, made.SERIAL)
    told = [(one["gate"], one["verdict"], one["earlier_decisions"]) for one in found["decisions"]]
    assert told == [("late", "scrap", 0), ("shape", "hold", 1)]
    assert found["decisions"][1]["waits"] == {"waits": False, "due": None, "overdue": False}, "it has passed on"


@pytest.mark.parametrize(("minutes", "overdue"), [(61, False), (63, True)])
def test_a_hold_has_a_due_time(minutes: float, overdue: bool, engine: sa.Engine) -> None:
    made.fill(engine, {t.decision: [made.decision(2, verdict="hold", reason="uncertain", on_hold="inspect")]})
    one = decision_of(engine, lens_of(plant_of_then(), made.at(minutes)))
    assert one["waits"] == {"waits": True, "due": "2026-03-02T13:02:00.000Z", "overdue": overdue}
    assert one["todo"] == "Inspect the part and enter its disposition in the MES."


def with_dispositions(plant: Plant) -> Plant:
    """The plant whose MES also says what people did with parts."""
    told = DispositionSource.model_validate({
        "kind": "dispositions", "url": "sqlite:///mes.db", "table": "said", "serial": "serial",
        "at": {"column": "at", "zone": "UTC"}, "step": {"column": "step"}, "disposition": {"column": "said"},
    })  # fmt: skip
    return plant.model_copy(update={"sources": {**plant.sources, "people": told}})


OPEN = "Nobody has answered shape (hold), see below. Nothing: the part goes on."
MOVED_ON: dict[str, tuple[bool, list[Any], str, str]] = {
    "nobody said anything": (True, [], OPEN, "Nobody decided on this part before it went on"),
    "people decided": (True, ["used"], "Nothing: the part goes on.", "Nothing more: people decided: used."),
    "the plant says no dispositions": (False, [], "Nothing: the part goes on.", "Nothing more: the part has moved on."),
}


@pytest.mark.parametrize(("tells", "said", "newest", "held"), MOVED_ON.values(), ids=MOVED_ON)
def test_a_hold_that_the_part_was_not_kept_for_is_not_forgotten(
    tells: bool, said: list[str], newest: str, held: str, engine: sa.Engine
) -> None:
    hold = made.decision(2, verdict="hold", reason="uncertain", on_hold="inspect")
    rows = {t.decision: [hold, made.decision(9, gate="late", step="coating", verdict="continue", reason="in_spec")]}
    if said:
        row = dict(made.ROWS[t.disposition][0])
        rows[t.disposition] = [row | {"at": made.at(5), "disposition": said[0]}]
    made.fill(engine, rows)
    plant = with_dispositions(plant_of_then()) if tells else plant_of_then()
    with engine.connect() as connection:
        found: Any = passport(connection, made.SERIAL, None, lens_of(plant, made.at(20)))
    assert [one["gate"] for one in found["decisions"]] == ["late", "shape"]
    assert found["decisions"][0]["todo"] == newest
    assert found["decisions"][1]["todo"].startswith(held)


@pytest.mark.parametrize(
    ("verdict", "todo"),
    [
        ("continue", "Inspect the part all the same (audit), before it goes on, and enter its disposition in the MES."),
        (
            "scrap",
            "Inspect the part all the same (audit), before it is scrapped, and enter its disposition in the MES.",
        ),
    ],
)
def test_an_audited_part_is_to_be_inspected(verdict: str, todo: str, engine: sa.Engine) -> None:
    made.fill(engine, {t.decision: [made.decision(2, verdict=verdict, reason="in_spec", signals={"audit": True})]})
    assert decision_of(engine, lens_of(plant_of_then(), made.at(20)))["todo"] == todo


def test_the_parts_before_and_after_are_told_with_what_became_of_them(engine: sa.Engine) -> None:
    near = [("x1", -9, "F1", "L1"), ("x2", -5, "F2", "L9"), ("x3", -3, "F1", "L9"), ("x4", -2, "F1", "L8"),
            ("x5", 4, "F1", "L9"), ("x6", 5, "F2", "L1")]  # fmt: skip
    steps = [made.part_step(100 + n, minute, serial=serial, machine=machine, lot=lot)
             for n, (serial, minute, machine, lot) in enumerate(near)]  # fmt: skip
    rows = {
        t.part_step: [made.part_step(1, 0), *steps], t.decision: [made.decision(5, serial="x5", verdict="continue")],
        t.outcome: [made.outcome(20, serial="x5"), made.outcome(21, serial="x5", revision=1, value=0.75)],
        t.disposition: [made.disposition(30, serial="x5", disposition="used")],
    }  # fmt: skip
    made.fill(engine, rows)
    with engine.connect() as connection:
        found: Any = passport(connection, made.SERIAL, None, lens_of(plant_of_then()))
    told = {one["by"]: [[row["serial"] for row in one[side]] for side in ("before", "after")]
            for one in found["neighbours"]}  # fmt: skip
    assert told == {"machine": [["x3", "x4"], ["x5"]], "lot": [["x2", "x3"], ["x5"]]}
    after = found["neighbours"][0]["after"][0]
    assert (after["verdict"], after["outcome"]["value"], after["outcome"]["inside"]) == ("continue", 0.75, True)
    assert after["disposition"] == "used"
    assert found["neighbours"][0]["before"][0]["verdict"] is None


def test_a_version_is_told_with_what_it_was_trained_on(engine: sa.Engine) -> None:
    version = {"model": "m", "version": "3", "gate": "shape", "digest": "abc", "trained_at": made.at(-60),
               "ready_at": made.at(-50), "data_digest": "x", "rows": 900, "metrics": {"skill": 0.5, "seed": 1.0},
               "status": "in_force"}  # fmt: skip
    force = {"gate": "shape", "model": "m", "version": "3", "digest": "abc", "since": made.at(-40), "changes": 1}
    made.fill(engine, {t.decision: [made.decision(2)], t.model_version: [version], t.model_in_force: [force]})
    assert decision_of(engine)["model"] == {
        "name": "m", "version": "3", "digest": "abc", "trained_at": "2026-03-02T11:00:00.000Z", "trained_on": 900,
        "metrics": {"skill": 0.5}, "still_in_force": True, "in_force_since": "2026-03-02T11:20:00.000Z",
    }  # fmt: skip


def test_a_plant_file_that_cannot_be_read_is_not_known(engine: sa.Engine, tmp_path: Path) -> None:
    files = [{"digest": "def", "content": "version: 99", "since": made.at(0)}]
    made.fill(engine, {t.plant_file: files})
    with engine.connect() as connection:
        known = PlantFiles(tmp_path)
        assert (known.of(connection, "def"), known.of(connection, "none")) == (None, None)
