"""Delivering to the MES: in order per part, with backoff, and a part in trouble holds up no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spine_kit import T0, Spine, after

from exporters.delivery.mes import MesTarget
from monitor.errors import DeliveryError, DeliveryReason, FencedError
from monitor.jobs.deliver import DeliverJob
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert_new
from monitor.store.delivery.outbox import resend

DELIVERIES = "gatewatch_outbox_deliveries_total"


class Mes:
    """Takes payloads, or refuses those of parts it is told to; remembers every call."""

    def __init__(self) -> None:
        self.down: bool = False
        self.refused: set[str] = set()
        self.calls: list[list[str]] = []
        self.taken: list[tuple[str, int]] = []

    def upsert(self, payloads: Sequence[Mapping[str, Any]]) -> None:
        serials = [p["serial"] for p in payloads]
        self.calls.append(serials)
        if self.down:
            raise DeliveryError("no answer", DeliveryReason.UNREACHABLE)
        if self.refused.intersection(serials):
            raise DeliveryError("wrong type", DeliveryReason.REFUSED)
        self.taken += [(p["serial"], p["visit"]) for p in payloads]


def deliver(spine: Spine, target: Any, attempts: int = 3) -> DeliverJob:
    """The job to a target: so many tries, ten seconds after the first failure."""
    assert spine.plant.write_back is not None
    config = spine.plant.write_back.model_copy(update={"attempts": attempts})
    return DeliverJob(spine.store, config, target)


def waiting(spine: Spine, *parts: tuple[str, int]) -> None:
    """Put recommendations into the outbox, in this order."""
    rows = [
        {
            "channel": "mes", "key": f"{serial} {visit}", "subject": serial, "status": "pending", "created_at": T0,
            "next_at": T0, "attempts": 0,
            "payload": {
                "site": "site", "serial": serial, "step": "form", "visit": visit, "revision": 0,
                "recommendation": "continue",
            },
        }
        for serial, visit in parts
    ]  # fmt: skip
    with spine.store.write() as connection:
        insert_new(connection, t.outbox, rows)


def statuses(spine: Spine) -> list[tuple[str, str, int]]:
    """(key, status, tries), in order."""
    return spine.all(t.outbox, "key", "status", "attempts")


def test_all_are_sent_each_part_in_order(spine: Spine) -> None:
    waiting(spine, ("A", 1), ("B", 1), ("A", 2), ("A", 3), ("B", 2))
    mes = Mes()
    assert spine.run(deliver(spine, mes), after(1)).rows == 5
    assert mes.calls == [["A", "B"], ["A", "B"], ["A"]]
    assert mes.taken == [("A", 1), ("B", 1), ("A", 2), ("B", 2), ("A", 3)]
    assert {status for _, status, _ in statuses(spine)} == {"sent"}
    assert spine.all(t.outbox, "sent_at")[0] == after(1)
    assert spine.tally(DELIVERIES, channel="mes", result="sent") == 5


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from("ABC"), max_size=12), st.sets(st.sampled_from("ABC")))
@pytest.mark.slow
def test_any_mixture_keeps_the_order_of_each_part(spine: Spine, order: list[str], refused: set[str]) -> None:
    with spine.store.write() as connection:
        for table in (t.outbox, t.alert):
            connection.execute(table.delete())
    numbered = [(serial, order[: i + 1].count(serial)) for i, serial in enumerate(order)]
    waiting(spine, *numbered)
    mes = Mes()
    mes.refused = refused
    spine.run(deliver(spine, mes), after(1))
    for serial in "ABC":
        mine = [visit for its, visit in mes.taken if its == serial]
        assert mine == ([] if serial in refused else [visit for its, visit in numbered if its == serial])


def test_a_refused_recommendation_does_not_hold_up_the_batch_it_was_in(spine: Spine) -> None:
    waiting(spine, ("A", 1), ("BAD", 1), ("C", 1), ("BAD", 2), ("A", 2))
    mes = Mes()
    mes.refused = {"BAD"}
    spine.run(deliver(spine, mes), after(1))
    assert statuses(spine) == [
        ("A 1", "sent", 0), ("BAD 1", "pending", 1), ("C 1", "sent", 0), ("BAD 2", "pending", 0), ("A 2", "sent", 0),
    ]  # fmt: skip
    assert mes.calls[0] == ["A", "BAD", "C"]


def _runs(spine: Spine, job: DeliverJob, seconds: Sequence[float]) -> list[int]:
    """The number of tries of the first row after a run at each time."""
    tries = []
    for s in seconds:
        spine.run(job, T0 + timedelta(seconds=s))
        tries.append(statuses(spine)[0][2])
    return tries


def test_failures_wait_twice_as_long_each_time_and_then_are_given_up(spine: Spine) -> None:
    waiting(spine, ("A", 1), ("A", 2))
    mes = Mes()
    mes.down = True
    job = deliver(spine, mes)
    assert _runs(spine, job, [0, 9, 10, 29]) == [1, 1, 2, 2]
    assert spine.alerts(after(1)) == []
    assert statuses(spine) == [("A 1", "pending", 2), ("A 2", "pending", 0)]
    # The third failure is the last; the part's next one has its turn at the next slot.
    assert _runs(spine, job, [30]) == [3]
    assert statuses(spine)[0] == ("A 1", "dead", 3)
    assert spine.all(t.outbox, "error")[0] == "no answer"
    assert spine.alerts(after(1)) == [("DeadLetters", "mes")]
    assert spine.tally(DELIVERIES, channel="mes", result="dead") == 1
    assert spine.tally(DELIVERIES, channel="mes", result="retry") == 2
    mes.down = False
    spine.run(job, T0 + timedelta(seconds=60))
    assert mes.taken == [("A", 2)]


def test_what_the_mes_refuses_is_a_dead_letter_after_three_tries_though_an_outage_is_waited_for(spine: Spine) -> None:
    waiting(spine, ("BAD", 1), ("A", 1))
    mes = Mes()
    mes.refused = {"BAD"}
    job = deliver(spine, mes, attempts=100)
    assert _runs(spine, job, [0, 10, 30]) == [1, 2, 3]
    assert statuses(spine)[0] == ("BAD 1", "dead", 3)
    mes.down = True
    waiting(spine, ("C", 1))
    for minute in range(1, 31):
        spine.run(job, T0 + timedelta(minutes=minute))
    assert statuses(spine)[2][:2] == ("C 1", "pending")


def test_dead_letters_are_sent_again_on_demand(spine: Spine) -> None:
    waiting(spine, ("A", 1), ("B", 1))
    mes = Mes()
    mes.refused = {"A", "B"}
    job = deliver(spine, mes)
    _runs(spine, job, [0, 10, 30])
    assert [status for _, status, _ in statuses(spine)] == ["dead", "dead"]
    mes.refused = set()
    first, _ = spine.all(t.outbox, "id")
    assert resend(spine.store, after(5), [first]) == 1
    assert spine.alerts(after(5)) == [("DeadLetters", "mes")]
    spine.run(job, after(6))
    assert mes.taken == [("A", 1)]
    assert resend(spine.store, after(7)) == 1
    assert spine.alerts(after(7)) == []
    spine.run(job, after(8))
    assert mes.taken == [("A", 1), ("B", 1)]
    assert resend(spine.store, after(9)) == 0


def test_one_that_was_sent_is_never_made_pending_again(spine: Spine) -> None:
    waiting(spine, ("A", 1))
    spine.run(deliver(spine, Mes()), after(1))
    (number,) = spine.all(t.outbox, "id")
    assert resend(spine.store, after(2), [number]) == 0
    assert statuses(spine) == [("A 1", "sent", 0)]


def test_the_real_mes_holds_each_once_when_the_commit_is_lost(spine: Spine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the MES's yes and our commit the process dies: sent again, and still one row."""
    for n in range(3):
        spine.part(f"P{n}", after(n), a=20.0 + 40 * n)
    spine.run(spine.pull("parts"), after(5))
    assert spine.plant.write_back is not None
    job = deliver(spine, MesTarget(spine.plant.write_back))
    with monkeypatch.context() as patched:

        def dies(name: str) -> None:
            raise KeyboardInterrupt

        patched.setattr("monitor.jobs.deliver.reach", dies)
        with pytest.raises(KeyboardInterrupt):
            spine.run(job, after(6))
    assert len(spine.advice()) == 3
    assert {status for _, status, _ in statuses(spine)} == {"pending"}
    spine.run(job, after(7))
    assert spine.advice() == [("P0", 1, "continue"), ("P1", 1, "continue"), ("P2", 1, "correct")]
    assert {status for _, status, _ in statuses(spine)} == {"sent"}


def test_a_zombies_delivery_is_not_recorded(spine: Spine) -> None:
    waiting(spine, ("A", 1))

    class Overtaken(Mes):
        def upsert(self, payloads: Sequence[Mapping[str, Any]]) -> None:
            super().upsert(payloads)
            with spine.store.write() as connection:
                connection.execute(t.lease.update().values(holder="another", fence=t.lease.c.fence + 1))

    with pytest.raises(FencedError):
        spine.run(deliver(spine, Overtaken()), after(1))
    assert statuses(spine) == [("A 1", "pending", 0)]


@pytest.mark.parametrize("at", [T0 - timedelta(seconds=1), T0], ids=["before its time", "at its time"])
def test_nothing_is_sent_before_its_time(at: datetime, spine: Spine) -> None:
    waiting(spine, ("A", 1))
    mes = Mes()
    spine.run(deliver(spine, mes), at)
    assert len(mes.taken) == (at == T0)


def test_a_process_that_ends_sends_nothing_more(spine: Spine) -> None:
    waiting(spine, ("A", 1))
    mes = Mes()
    spine.run(deliver(spine, mes), after(1), stopping=lambda: True)
    assert mes.calls == []


def test_a_mes_that_goes_down_among_single_rows_is_asked_no_more(spine: Spine) -> None:
    waiting(spine, ("A", 1), ("BAD", 1), ("C", 1), ("D", 1))

    class GoesDown(Mes):
        def upsert(self, payloads: Sequence[Mapping[str, Any]]) -> None:
            self.down = len(self.calls) == 3
            super().upsert(payloads)

    mes = GoesDown()
    mes.refused = {"BAD"}
    spine.run(deliver(spine, mes), after(1))
    assert mes.calls == [["A", "BAD", "C", "D"], ["A"], ["BAD"], ["C"]]
    assert statuses(spine) == [
        ("A 1", "sent", 0),
        ("BAD 1", "pending", 1),
        ("C 1", "pending", 1),
        ("D 1", "pending", 1),
    ]


@pytest.mark.slow
def test_while_the_mes_is_down_a_slot_tries_once(spine: Spine) -> None:
    waiting(spine, *((f"P{n:04d}", 1) for n in range(1200)))
    mes = Mes()
    mes.down = True
    spine.run(deliver(spine, mes), after(1))
    assert len(mes.calls) == 1
    with spine.store.read() as connection:
        tried = connection.execute(sa.select(sa.func.count()).where(t.outbox.c.attempts > 0)).scalar_one()
    assert tried == len(mes.calls[0])


def test_how_long_a_recommendation_took_is_counted_from_when_its_row_was_there(spine: Spine) -> None:
    spine.parts({"A": after(0), "B": after(1)}, 10.0)
    spine.run(spine.pull("parts"), after(1))
    with spine.store.write() as connection:
        connection.execute(t.outbox.delete())
    waiting(spine, ("A", 1), ("B", 1), ("pruned", 1))
    spine.run(deliver(spine, Mes()), after(2))
    name = "gatewatch_decision_latency_seconds"
    assert spine.tally(f"{name}_count", step="form") == 2
    assert spine.tally(f"{name}_sum", step="form") == 120 + 60
    assert [spine.tally(f"{name}_bucket", step="form", le=le) for le in ("30.0", "60.0", "120.0", "+Inf")] == [
        0,
        1,
        2,
        2,
    ]
