"""From part steps to decisions and recommendations: inputs, history, holds, time-outs."""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from math import isnan, nan
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spine_kit import PLANT, T0, Spine, SumModel, after
from waits import HANGS, until

from monitor.model import Floats, Prediction, Reason
from monitor.pipeline.judging import Deadline, InForce
from monitor.pipeline.passages import Passage, gate_input
from monitor.plant.file.load import parse
from monitor.store.database import tables as t
from monitor.store.database.database import Store

GATE_OUT = ("GateOutOfService", "form")


def _passage(step: str, arrival: int, **values: float) -> Passage:
    return Passage(arrival, "A", step, 1, T0, values)


LATER_GATE = parse(
    PLANT.replace(
        "form: {step: form, characteristic: width, model: w, profile: [a, b, c, d]",
        "form: {step: coat, characteristic: width, model: w, profile: [form.a, form.b, form.c, x]",
    ).replace("d: D}", "d: D, x: X}"),
    Path(), {},
).plant.gates["form"]  # fmt: skip


INPUTS = {
    "own features and those of the earlier step": (
        [_passage("form", 1, a=1.0, b=2.0, c=3.0)], {"x": 9.0}, [1.0, 2.0, 3.0, 9.0], (1, 7),
    ),
    "the latest passage counts": (
        [_passage("form", 1, a=1.0, b=2.0, c=3.0), _passage("form", 4, a=5.0, b=2.0, c=3.0)], {"x": 9.0},
        [5.0, 2.0, 3.0, 9.0], (4, 7),
    ),
    "a feature that was not measured is missing": (
        [_passage("form", 1, a=1.0, b=2.0)], {"x": 9.0}, [1.0, 2.0, nan, 9.0], (1, 7),
    ),
    "an earlier step that is not known is missing": ([], {"x": 9.0}, [nan, nan, nan, 9.0], (7,)),
    "its own feature is missing": ([_passage("form", 1, a=1.0, b=2.0, c=3.0)], {}, [1.0, 2.0, 3.0, nan], (1, 7)),
}  # fmt: skip


@pytest.mark.parametrize(("earlier", "own", "values", "arrivals"), INPUTS.values(), ids=INPUTS)
def test_what_a_gate_is_given(
    earlier: Sequence[Passage], own: dict[str, float], values: list[float], arrivals: tuple[int, ...]
) -> None:
    latest = {passage.step: passage for passage in earlier}
    part, inputs = gate_input(LATER_GATE, _passage("coat", 7, **own), latest, {})
    assert list(part.values) == ["form.a", "form.b", "form.c", "coat.x"]
    assert [None if isnan(v) else v for v in part.values.values()] == [None if isnan(v) else v for v in values]
    assert part.arrivals == arrivals
    assert tuple(sorted(inputs.values())) == arrivals


def _pull(spine: Spine) -> None:
    spine.run(spine.pull("parts"), after(60))


VERDICTS = {
    "inside the specification": (20.0, "continue", "in_spec"),
    "above it, within the rework band": (80.0, "correct", "reworkable"),
    "beyond the rework band": (200.0, "scrap", "out_of_spec"),
    "below it, where nothing can be put back": (-90.0, "scrap", "out_of_spec"),
    "astride the upper limit": (70.0, "hold", "uncertain"),
    "with a value missing": (None, "hold", "incomplete_input"),
}


@pytest.mark.parametrize(("a", "verdict", "reason"), VERDICTS.values(), ids=VERDICTS)
def test_decisions(a: float | None, verdict: str, reason: str, spine: Spine) -> None:
    spine.part("A", after(1), a=a)
    _pull(spine)
    (row,) = spine.all(t.decision)
    assert (row.verdict, row.reason, row.on_hold) == (verdict, reason, "inspect" if verdict == "hold" else "")
    assert (row.model, row.version, row.model_digest, row.plant_digest) == ("w", "1", "sum", "digest")
    assert row.predicted == (None if a is None else a + 30)
    assert (row.decided_at, row.at) == (after(60), after(1))
    (sent,) = spine.all(t.outbox)
    held = verdict == "hold"
    assert json.loads(sent.key) == ["site", "A", "form", 1, 0]
    assert (sent.payload["recommendation"], sent.payload["reason"]) == (verdict, reason)
    assert sent.payload["confidence"] == (None if held else 0.9)
    assert spine.tally("gatewatch_gate_decisions_total", gate="form", verdict=verdict, reason=reason) == 1


OUT_OF_SERVICE = {
    "no model": (InForce(None, Reason.NO_MODEL), "no_model"),
    "a model that does not verify": (InForce(None, Reason.BAD_MODEL, "w", "1", "sum"), "bad_model"),
    "a model without skill": (InForce(SumModel(), None, "w", "1", "sum", Reason.NO_SKILL), "no_skill"),
}


@pytest.mark.parametrize(("used", "reason"), OUT_OF_SERVICE.values(), ids=OUT_OF_SERVICE)
def test_a_gate_out_of_service_holds_every_part_under_one_alert(used: InForce, reason: str, spine: Spine) -> None:
    good, spine.used = spine.used, used
    for n in range(5):
        spine.part(f"P{n}", after(n))
    spine.run(spine.pull("parts", batch_rows=2), after(60))
    assert spine.all(t.decision, "verdict", "reason") == [("hold", reason)] * 5
    enough = {"name": "gatewatch_gate_outcomes", "labels": {"gate": "form"}, "value": 40.0}
    with spine.store.write() as connection:
        connection.execute(t.tally.insert(), [enough])
    in_force = {"gate": "form", "model": "w", "version": "1", "digest": "sum", "since": T0, "changes": 1, "mirrored": 1}
    if used.refused is not Reason.NO_MODEL:
        with spine.store.write() as connection:
            connection.execute(t.model_in_force.insert(), [in_force])
    assert spine.alerts(after(60), gates=True) == [GATE_OUT]
    (summary,) = [s for s in spine.all(t.alert, "summary") if "no verified model" in s]
    assert summary.endswith(f": {reason}")
    if used.refused is Reason.NO_MODEL:
        with spine.store.write() as connection:
            connection.execute(t.model_in_force.insert(), [in_force])
    spine.used = good
    spine.part("LAST", after(61))
    spine.run(spine.pull("parts"), after(62))
    assert spine.alerts(after(62), gates=True) == []
    assert spine.all(t.decision, "verdict")[-1] == "continue"
    assert len(spine.all(t.decision, "reason")) == 6


def test_what_passed_before_the_gate_was_live_is_history(store: Store, tmp_path: Path) -> None:
    since = f'"{after(10):%Y-%m-%dT%H:%M:%SZ}"'
    spine = Spine(tmp_path, store, {"form: {step: form, ch": f"form: {{step: form, since: {since}, ch"})
    spine.part("OLD", after(9))
    spine.part("NEW", after(10))
    _pull(spine)
    assert spine.all(t.part_step, "serial") == ["OLD", "NEW"]
    assert spine.all(t.decision, "serial") == ["NEW"]
    spine.close()


def test_without_a_write_back_nothing_waits(spine: Spine) -> None:
    spine.plant = spine.plant.model_copy(update={"write_back": None})
    spine.part("A", after(1))
    _pull(spine)
    assert len(spine.all(t.decision)) == 1
    assert spine.all(t.outbox) == []


def test_the_specification_is_that_of_the_parts_time(store: Store, tmp_path: Path) -> None:
    tighter = f'{{since: "{after(10):%Y-%m-%dT%H:%M:%SZ}", lower: 0, upper: 20}}'
    spine = Spine(tmp_path, store, {"lower: 0, upper: 100}]": f"lower: 0, upper: 100}}, {tighter}]"})
    spine.part("BEFORE", after(9), a=20.0)
    spine.part("SINCE", after(10), a=20.0)
    _pull(spine)
    assert spine.all(t.decision, "serial", "verdict") == [("BEFORE", "continue"), ("SINCE", "correct")]
    spine.close()


def test_a_correction_that_arrives_first_with_its_part_in_one_page_is_decided_once(spine: Spine) -> None:
    spine.part("A", after(1), a=20.0)
    spine.part("A", after(1), known=after(2), a=80.0)
    _pull(spine)
    assert spine.all(t.part_step, "revision") == [0, 1]
    assert spine.all(t.decision, "revision", "predicted") == [(0, 50.0)]


class _Hangs(SumModel):
    """Answers only when it is let."""

    def __init__(self, let: threading.Event) -> None:
        super().__init__()
        object.__setattr__(self, "let", let)

    def predict(self, rows: Floats) -> Sequence[Prediction]:
        self.let.wait(HANGS)  # type: ignore[attr-defined]
        return super().predict(rows)


def test_a_model_that_takes_too_long_holds_the_batch_and_the_next_one_is_asked_again(
    spine: Spine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first call is given up at once, the second not before it has hung."""
    call, within, asked = Deadline.call, iter([timedelta(milliseconds=50)]), []

    def patient(deadline: Deadline, work: Callable[[], Any], seconds: timedelta) -> Any:
        asked.append(seconds)
        return call(deadline, work, next(within, timedelta(seconds=HANGS)))

    monkeypatch.setattr(Deadline, "call", patient)
    let, good = threading.Event(), spine.used
    spine.used = InForce(_Hangs(let), None, "w", "1", "sum")
    spine.part("SLOW", after(1))
    job = spine.pull("parts")
    spine.run(job, after(2))
    spine.used = good
    spine.part("NEXT", after(3))
    spine.run(job, after(4))
    let.set()
    assert spine.all(t.decision, "serial", "verdict", "reason") == [
        ("SLOW", "hold", "timeout"), ("NEXT", "continue", "in_spec"),
    ]  # fmt: skip
    assert asked == [spine.plant.gates["form"].timeout] * 2


def test_a_deadline_gives_the_result_or_none_and_passes_errors_on() -> None:
    deadline, let = Deadline(), threading.Event()
    assert deadline.call(list, timedelta(seconds=HANGS)) == []

    def hangs() -> Any:
        let.wait(HANGS)

    def fails() -> Any:
        raise ZeroDivisionError

    assert deadline.call(hangs, timedelta(milliseconds=50)) is None
    let.set()
    with pytest.raises(ZeroDivisionError):
        deadline.call(fails, timedelta(seconds=HANGS))


def test_the_threads_of_a_deadline_end_with_it_or_when_they_hang_no_more_and_keep_nothing() -> None:
    deadline, let, threads = Deadline(), threading.Event(), list[threading.Thread]()

    def says(patience: float) -> Any:
        threads.append(threading.current_thread())
        let.wait(patience)
        return []

    assert deadline.call(partial(says, HANGS), timedelta(milliseconds=50)) is None
    let.set()
    threads[0].join(HANGS)
    quick = partial(says, 0.0)
    kept = weakref.ref(quick)
    assert deadline.call(quick, timedelta(seconds=HANGS)) == []
    del quick
    until(lambda: kept() is None, "the work to be forgotten")
    assert threads[1].is_alive()
    del deadline
    threads[1].join(HANGS)
    assert not any(thread.is_alive() for thread in threads)


@given(st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from(["form", "coat"])), max_size=12))
@pytest.mark.slow
def test_a_gate_never_sees_a_later_passage_of_its_part(rows: list[tuple[str, str]]) -> None:
    latest: dict[str, dict[str, Passage]] = {}
    for arrival, (serial, step) in enumerate(rows, 1):
        passage = Passage(arrival, serial, step, 1, datetime(2026, 1, 1, tzinfo=UTC), {"a": float(arrival)})
        if step == "coat":
            part, inputs = gate_input(LATER_GATE, passage, latest.get(serial, {}), {})
            before = [i for i, row in enumerate(rows[: arrival - 1], 1) if row == (serial, "form")]
            assert inputs == {"coat": arrival, **({"form": before[-1]} if before else {})}
            assert (part.values["form.a"] == before[-1]) if before else isnan(part.values["form.a"])
        latest.setdefault(serial, {})[step] = passage
