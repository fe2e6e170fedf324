"""A courier: what it sends together, what it records of each message, and when it ends its round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from monitor.delivery.courier import Courier, Errors, send_each
from monitor.delivery.retry import RetryPolicy
from monitor.errors import DeliveryError, DeliveryReason, FencedError
from monitor.model import JsonObject
from monitor.scheduling.job import Run
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import Lease, acquire
from monitor.store.delivery.outbox import OutboxMessage, messages_about, new_message

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WAIT = timedelta(seconds=10)
OUTAGE = DeliveryError("no answer", DeliveryReason.UNREACHABLE)
REFUSAL = DeliveryError("wrong type", DeliveryReason.REFUSED)
ROUNDS = 9
"""After so many batches the process would end: more than any test needs."""


class Receiver:
    """Takes messages, but for those of the subjects in `errors`; remembers what came together."""

    def __init__(self, errors: Mapping[str, DeliveryError]) -> None:
        self.errors = errors
        self.batches: list[str] = []

    def send(self, rows: Sequence[OutboxMessage]) -> Errors:
        self.batches.append("".join(row.subject for row in rows))
        return {row.id: self.errors[row.subject] for row in rows if row.subject in self.errors}


@pytest.fixture
def lease(store: Store) -> Lease:
    found = acquire(store, "deliver", "this test", 60)
    assert found is not None
    return found


def _put(store: Store, subjects: str, channel: str = "a") -> None:
    with store.write() as connection:
        for n, subject in enumerate(subjects):
            connection.execute(t.outbox.insert(), new_message(channel, f"{channel} {n}", subject, {"n": n}, NOW))


def _round(lease: Lease) -> Run:
    left = iter([False] * ROUNDS)
    return Run(NOW, NOW, lease, lambda: None, lambda: next(left, True))


def _told(store: Store, subject: str) -> list[tuple[str, int, datetime | None, datetime, str | None]]:
    with store.read() as connection:
        found = messages_about(connection, subject)
    return [(m.status.value, m.attempts, m.sent_at, m.next_at, m.error) for m in found]


def _counted(store: Store) -> dict[tuple[str, ...], float]:
    """Deliveries by channel and result."""
    with store.read() as connection:
        rows = connection.execute(t.tally.select()).all()
    assert {row.name for row in rows} <= {"gatewatch_outbox_deliveries_total"}
    return {(row.labels["channel"], row.labels["result"]): row.value for row in rows}


def test_what_becomes_of_each_message_is_recorded_and_counted(store: Store, lease: Lease) -> None:
    _put(store, "ABCA")
    _put(store, "B", "b")
    _put(store, "D", "not mine")
    receiver = Receiver({"B": REFUSAL})
    courier = Courier(store, ("a", "b"), receiver.send, RetryPolicy(WAIT, 5))
    assert courier.deliver(_round(lease)) == 3
    assert receiver.batches == ["ABCB", "A"]
    assert _told(store, "A") == [("sent", 0, NOW, NOW, None)] * 2
    assert _told(store, "B") == [("pending", 1, None, NOW + WAIT, "wrong type")] * 2
    assert _told(store, "D") == [("pending", 0, None, NOW, None)]
    assert _counted(store) == {("a", "sent"): 3, ("a", "retry"): 1, ("b", "retry"): 1}


def test_the_last_attempt_makes_a_dead_letter(store: Store, lease: Lease) -> None:
    _put(store, "AB")
    courier = Courier(store, ["a"], Receiver({"A": OUTAGE}).send, RetryPolicy(timedelta(0), 2))
    assert courier.deliver(_round(lease)) == 1
    assert _told(store, "A") == [("pending", 1, None, NOW, "no answer")]
    assert courier.deliver(_round(lease)) == 0
    assert _told(store, "A") == [("dead", 2, None, NOW, "no answer")]
    assert _counted(store) == {("a", "sent"): 1, ("a", "retry"): 1, ("a", "dead"): 1}


ENDS = {
    "an outage of the only receiver": (OUTAGE, True, ["AB"]),
    "an outage of one of several": (OUTAGE, False, ["AB", "CD"]),
    "a refusal": (REFUSAL, True, ["AB", "CD"]),
}


@pytest.mark.parametrize(("error", "one_receiver", "batches"), ENDS.values(), ids=ENDS)
def test_what_ends_a_round(
    error: DeliveryError, one_receiver: bool, batches: list[str], store: Store, lease: Lease
) -> None:
    _put(store, "ABCD")
    receiver = Receiver({"A": error})
    policy = RetryPolicy(WAIT, None)
    Courier(store, ["a"], receiver.send, policy, batch_size=2, one_receiver=one_receiver).deliver(_round(lease))
    assert receiver.batches == batches


def test_an_outage_ends_the_round_unless_told_otherwise_and_many_are_sent_together(store: Store, lease: Lease) -> None:
    with store.write() as connection:
        rows = [new_message("a", f"{n}", f"part {n}", {}, NOW) for n in range(501)]
        connection.execute(t.outbox.insert(), rows)
    sent: list[int] = []

    def down(rows: Sequence[OutboxMessage]) -> Errors:
        sent.append(len(rows))
        return {row.id: OUTAGE for row in rows}

    assert Courier(store, ["a"], down, RetryPolicy(WAIT, None)).deliver(_round(lease)) == 0
    assert sent == [500]


def test_nothing_is_recorded_once_the_lease_is_lost(store: Store, lease: Lease) -> None:
    _put(store, "A")
    with store.write() as connection:
        connection.execute(t.lease.update().values(fence=t.lease.c.fence + 1))
    with pytest.raises(FencedError):
        Courier(store, ["a"], Receiver({}).send, RetryPolicy(WAIT, None)).deliver(_round(lease))
    assert _told(store, "A") == [("pending", 0, None, NOW, None)]
    assert _counted(store) == {}


def test_one_by_one_each_is_delivered_whatever_became_of_those_before(
    store: Store, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(store, "ABC")
    steps: list[object] = []
    monkeypatch.setattr("monitor.delivery.courier.reach", steps.append)

    def deliver(payload: JsonObject) -> None:
        steps.append(payload["n"])
        if payload["n"] == 1:
            raise REFUSAL

    courier = Courier(store, ["a"], send_each(deliver), RetryPolicy(WAIT, None))
    assert courier.deliver(_round(lease)) == 2
    before, after = "before_notification_sent", "after_notification_sent"
    assert steps == [before, 0, after, before, 1, after, before, 2, after]
    assert [_told(store, subject)[0][0] for subject in "ABC"] == ["sent", "pending", "sent"]
