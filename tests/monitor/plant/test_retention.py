"""A retention that is shorter than something still reads: refused by `check` in one sentence, and never acted on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from monitor.plant.file.load import examine, load, parse
from monitor.plant.plant import Plant
from monitor.plant.retention import effective, problems
from monitor.plant.running import Retention

DAY = timedelta(days=1)
PLANT = """
version: 1
site: s
steps: {form: {line: l, max_age: 20d}, coat: {line: l}}
machines: {m: {step: form, sensors: {heat: {low: 0, high: 10}}}}
characteristics: {width: {specs: [{since: "2020-01-01T00:00:00Z", lower: 0, upper: 100}]}}
GATES
sources:
  mes: {kind: part_steps, url: "sqlite:///m.db", table: P, serial: S, step: O, at: {column: A, epoch: s},
        values: {a: A, b: B, c: C, d: D}MES}
  plc: {kind: readings, url: "sqlite:///m.db", table: R, machine: M, at: {column: A, epoch: s}, values: {heat: H}PLC}
  lab: {kind: outcomes, url: "sqlite:///m.db", table: L, serial: S, characteristic: width, value: V,
        at: {column: A, epoch: s}LAB}
store: {retention: {RETENTION}}
"""
GATE = "gates: {g: {step: coat, characteristic: width, model: m, profile: [form.a, b, c, d]}}"


def text(retention: str, gates: str = "", **sources: str) -> str:
    made = PLANT.replace("{RETENTION}", f"{{{retention}}}").replace("GATES", gates)
    for name in ("MES", "PLC", "LAB"):
        made = made.replace(f"{name}}}", f"{', ' if name in sources else ''}{sources.get(name, '')}}}")
    return made


def plant(retention: str, gates: str = "", **sources: str) -> Plant:
    return parse(text(retention, gates, **sources), Path("/plant"), {}).plant


TOO_SHORT: dict[str, tuple[str, str, dict[str, str], str, str, str]] = {
    "readings below late_by": ("readings: 1d", "", {"PLC": "late_by: 2d"}, "readings", "sources.plc.late_by", "2d"),
    "readings below the default of late_by": (
        "readings: 1h", "", {"PLC": "every: 2h"}, "readings", "sources.plc.late_by", "2h",
    ),
    "parts below late_by": ("parts: 1d", "", {"MES": "late_by: 2d"}, "parts", "sources.mes.late_by", "2d"),
    "parts below what is reconciled": ("parts: 6h", "", {}, "parts", "reconcile.back", "3d1h"),
    "readings below what is reconciled": ("readings: 2d", "", {}, "readings", "reconcile.back", "3d1h"),
    "outcomes below late_by": ("outcomes: 9d", "", {"LAB": "late_by: 10d"}, "outcomes", "sources.lab.late_by", "10d"),
    "outcomes below what is reconciled": ("outcomes: 1d", "", {"LAB": "delay: 3d"}, "outcomes", "reconcile.back", "6d"),
    "parts below decisions": (
        "parts: 30d, decisions: 31d", GATE, {}, "parts", "store.retention.decisions", "31d",
    ),
    "parts below decisions that are kept": ("parts: 30d", GATE, {}, "parts", "store.retention.decisions", "for ever"),
    "quarantine below late_by": (
        "quarantine: 4d", "", {"MES": "late_by: 5d"}, "quarantine", "sources.mes.late_by", "5d",
    ),
    "windows below late_by": ("windows: 3d", "", {"PLC": "late_by: 4d"}, "windows", "sources.plc.late_by", "4d"),
    "findings below the repetition of notes": ("findings: 1h", "", {}, "findings", "notify.repeat_every", "12h"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("retention", "gates", "sources", "key", "reader", "needed"), TOO_SHORT.values(), ids=TOO_SHORT
)
def test_too_short_is_one_sentence_naming_both_keys_and_not_acted_on(
    retention: str, gates: str, sources: dict[str, str], key: str, reader: str, needed: str, tmp_path: Path
) -> None:
    file = tmp_path / "plant.yaml"
    file.write_text(text(retention, gates, **sources))
    (line,) = [told for told in examine(file, environ={}).problems if f"store.retention.{key}: " in told]
    assert reader in line
    assert needed in line
    assert "expected " in line
    loaded = load(file, environ={}).plant
    for _, sentence in problems(loaded):
        assert sentence
    kept, given = getattr(effective(loaded), key), getattr(loaded.store.retention, key)
    assert kept is None or kept > given
    longer = loaded.model_copy(update={"store": loaded.store.model_copy(update={"retention": effective(loaded)})})
    assert [where for where, _ in problems(longer) if where[-1] == key] == []


ENOUGH = {
    "the defaults": ("", "", {}),
    "the defaults with a gate": ("", GATE, {}),
    "long ones": ("readings: 30d, parts: 90d, decisions: 60d, outcomes: 90d, quarantine: 30d, findings: 30d", GATE, {}),
    "without a gate parts need no decisions": ("parts: 30d", "", {}),
    "for ever": ("readings: , parts: , outcomes: , quarantine: , windows: ", GATE, {"MES": "late_by: 900d"}),
    "just enough": ("readings: 3d1h3m, parts: 3d1h3m", "", {}),
}  # fmt: skip


@pytest.mark.parametrize(("retention", "gates", "sources"), ENOUGH.values(), ids=ENOUGH)
def test_enough_is_no_problem(retention: str, gates: str, sources: dict[str, str]) -> None:
    assert problems(plant(retention, gates, **sources)) == []


def test_rows_are_kept_as_the_file_says_where_that_is_long_enough() -> None:
    long = plant("readings: 30d, parts: 90d, decisions: 60d, outcomes: 40d, trends: 1s, outbox: 1s", GATE)
    assert effective(long) == long.store.retention
    assert effective(plant("")) == Retention()


def test_what_a_gate_may_use_is_kept_also_for_the_decisions_that_are() -> None:
    assert effective(plant("parts: 5d, decisions: 4d", GATE)).parts == 24 * DAY
    assert effective(plant("parts: 5d, decisions: 4d")).parts == 5 * DAY
    assert effective(plant("parts: 5d", GATE)).parts is None


def test_a_clock_that_was_a_day_ahead_takes_nothing_that_is_read_again() -> None:
    short = effective(plant("readings: 1d", PLC="late_by: 2d")).readings
    assert short is not None
    assert short >= 2 * DAY + 2 * DAY + DAY
