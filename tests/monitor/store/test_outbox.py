"""Which messages of the outbox go out next, on both databases, and how long a failed one waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.delivery.retry import RetryPolicy, backoff
from monitor.errors import DeliveryError, DeliveryReason
from monitor.model import Verdict
from monitor.statuses import OutboxStatus
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.delivery.outbox import (
    OutboxMessage,
    counts_by_status,
    messages_about,
    messages_with_status,
    new_message,
    next_due,
    recommendation,
    record_failed,
    record_sent,
    resend,
)
from monitor.store.rows.decisions import StoredDecision

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DUE, LATER = NOW, NOW + timedelta(seconds=1)
Made = tuple[str, str, str, datetime]


def _put(store: Store, made: list[Made]) -> None:
    """Messages by channel, subject, status and when they may be tried; their ids count from 1."""
    rows = [
        {**new_message(channel, f"key {i}", subject, {}, NOW), "id": i, "status": status, "next_at": at}
        for i, (channel, subject, status, at) in enumerate(made, start=1)
    ]
    with store.write() as connection:
        connection.execute(t.outbox.delete())
        if rows:
            connection.execute(t.outbox.insert(), rows)


def _due(store: Store, *channels: str, limit: int = 100) -> list[OutboxMessage]:
    with store.read() as connection:
        return next_due(connection, channels, NOW, limit)


@pytest.mark.parametrize(
    ("made", "sent"),
    [
        ([("mes", "A", "pending", DUE), ("mes", "A", "pending", DUE)], [1]),
        ([("mes", "A", "pending", LATER), ("mes", "A", "pending", DUE)], []),
        ([("mes", "A", "dead", DUE), ("mes", "A", "pending", DUE)], [2]),
        ([("mes", "A", "sent", DUE), ("mes", "A", "pending", DUE)], [2]),
        ([("mes", "A", "pending", LATER), ("mes", "B", "pending", DUE)], [2]),
        ([("other", "A", "pending", LATER), ("mes", "A", "pending", DUE)], [2]),
        ([("other", "A", "pending", DUE)], []),
        ([("mes", "B", "pending", DUE), ("mes", "A", "pending", DUE)], [1, 2]),
        ([], []),
    ],
    ids=[
        "a later row of a part waits for the earlier one",
        "also while the earlier one is backing off",
        "a dead one holds nobody up",
        "a sent one holds nobody up",
        "another part does not wait",
        "another channel holds nobody up",
        "another channel's are not sent",
        "the order is that of making",
        "nothing waits",
    ],
)
def test_which_messages_go_out_next(made: list[Made], sent: list[int], store: Store) -> None:
    _put(store, made)
    assert [message.id for message in _due(store, "mes")] == sent


def test_the_same_subject_in_two_channels_waits_in_neither_for_the_other(store: Store) -> None:
    _put(store, [("a", "S", "pending", LATER), ("b", "S", "pending", DUE), ("b", "S", "pending", DUE)])
    assert [message.id for message in _due(store, "a", "b")] == [2]


def test_no_more_than_asked_for_the_oldest_first(store: Store) -> None:
    _put(store, [("mes", subject, "pending", DUE) for subject in "DCBA"])
    assert [message.id for message in _due(store, "mes", limit=2)] == [1, 2]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from(["pending", "sent", "dead"]), st.booleans())))
def test_one_that_goes_out_has_no_pending_one_of_its_part_before_it(
    store: Store, made: list[tuple[str, str, bool]]
) -> None:
    rows = [("mes", subject, status, DUE if due else LATER) for subject, status, due in made]
    _put(store, rows)
    due = {message.id for message in _due(store, "mes")}
    for i, (_, subject, status, at) in enumerate(rows, start=1):
        first = not any(row[1:3] == (subject, "pending") for row in rows[: i - 1])
        assert (i in due) is (status == "pending" and at <= NOW and first)


def test_what_became_of_a_message(store: Store) -> None:
    _put(store, [("mes", subject, "pending", DUE) for subject in "ABC"])
    refused = DeliveryError("no such column", DeliveryReason.REFUSED)
    with store.write() as connection:
        record_sent(connection, [1], NOW)
        record_failed(connection, 2, RetryPolicy(timedelta(seconds=10), 2).after(1, refused, NOW))
        record_failed(connection, 3, RetryPolicy(timedelta(seconds=10), 2).after(2, refused, NOW))
    (pending,), (dead,), (sent,) = (
        messages_with_status(store, status) for status in (OutboxStatus.PENDING, OutboxStatus.DEAD, OutboxStatus.SENT)
    )
    assert (sent.id, sent.sent_at, sent.error) == (1, NOW, None)
    assert (pending.id, pending.attempts, pending.error) == (2, 1, "no such column")
    assert pending.next_at == NOW + timedelta(seconds=10)
    assert (dead.id, dead.status, dead.attempts, dead.next_at) == (3, OutboxStatus.DEAD, 2, DUE)
    assert dead.error == "no such column"


@pytest.mark.parametrize(
    ("reason", "allowed", "attempts", "status"),
    [
        (DeliveryReason.REFUSED, 100, 2, OutboxStatus.PENDING),
        (DeliveryReason.REFUSED, 100, 3, OutboxStatus.DEAD),
        (DeliveryReason.REFUSED, 1, 1, OutboxStatus.DEAD),
        (DeliveryReason.REFUSED, None, 1000, OutboxStatus.PENDING),
        (DeliveryReason.UNREACHABLE, 5, 4, OutboxStatus.PENDING),
        (DeliveryReason.UNREACHABLE, 5, 5, OutboxStatus.DEAD),
        (DeliveryReason.UNREACHABLE, None, 1000, OutboxStatus.PENDING),
    ],
)
def test_when_a_message_is_given_up(
    reason: DeliveryReason, allowed: int | None, attempts: int, status: OutboxStatus
) -> None:
    failed = RetryPolicy(timedelta(seconds=10), allowed).after(attempts, DeliveryError("no", reason), NOW)
    assert (failed.status, failed.attempts, failed.error) == (status, attempts, "no")
    assert failed.next_at == (None if status is OutboxStatus.DEAD else NOW + backoff(attempts, timedelta(seconds=10)))


def test_a_message_that_was_sent_after_a_failure_has_no_error(store: Store) -> None:
    _put(store, [("mes", "A", "pending", DUE)])
    outage = DeliveryError("no answer", DeliveryReason.UNREACHABLE)
    with store.write() as connection:
        record_failed(connection, 1, RetryPolicy(timedelta(0), None).after(1, outage, NOW))
    assert [message.error for message in messages_with_status(store, OutboxStatus.PENDING)] == ["no answer"]
    with store.write() as connection:
        record_sent(connection, [1], NOW)
    assert [message.error for message in messages_with_status(store, OutboxStatus.SENT)] == [None]


def test_a_dead_letter_made_pending_again_is_due_at_once_and_has_all_its_attempts(store: Store) -> None:
    _put(store, [("mes", subject, "pending", LATER) for subject in "AB"])
    refused = DeliveryError("no such column", DeliveryReason.REFUSED)
    with store.write() as connection:
        for number in (1, 2):
            record_failed(connection, number, RetryPolicy(timedelta(0), 3).after(3, refused, NOW))
    assert resend(store, NOW, [2]) == 1
    assert [(message.id, message.attempts) for message in messages_with_status(store, OutboxStatus.DEAD)] == [(1, 3)]
    assert [(message.id, message.attempts, message.next_at) for message in _due(store, "mes")] == [(2, 0, NOW)]


def test_messages_of_a_status_are_told_oldest_first_whichever_is_due_first(store: Store) -> None:
    _put(store, [("mes", subject, "pending", NOW - timedelta(minutes=i)) for i, subject in enumerate("ABC")])
    assert [message.subject for message in messages_with_status(store, OutboxStatus.PENDING)] == ["A", "B", "C"]


def test_the_messages_about_a_part_and_how_many_of_a_channel_have_each_status(store: Store) -> None:
    made = [("mes", "A", "sent"), ("mes", "B", "pending"), ("mes", "A", "pending"), ("other", "A", "dead")]
    _put(store, [(*message, DUE) for message in made])
    with store.read() as connection:
        assert [(m.id, m.channel, m.subject, m.status) for m in messages_about(connection, "A")] == [
            (1, "mes", "A", OutboxStatus.SENT), (3, "mes", "A", OutboxStatus.PENDING),
            (4, "other", "A", OutboxStatus.DEAD),
        ]  # fmt: skip
        assert counts_by_status(connection, "mes") == {"sent": 1, "pending": 2}
        assert counts_by_status(connection, "none") == {}


def test_the_message_that_sends_a_decision_to_the_mes() -> None:
    decision = StoredDecision(
        "S/1", "form", 2, 1, "the gate", 7, {"form": 7}, "width", "w", "3", "model digest", "plant digest",
        1.5, 1.0, 2.0, 0.1, 1.0, Verdict.CONTINUE, "in_spec", "", NOW, LATER, "",
    )  # fmt: skip
    payload = {
        "site": "north", "serial": "S/1", "step": "form", "visit": 2, "revision": 1, "recommendation": "continue",
        "reason": "in_spec", "confidence": 0.9, "on_hold": "", "model_version": "3", "predicted": 1.5, "lower": 1.0,
        "upper": 2.0, "decided_at": "2026-03-02T12:00:00+00:00",
    }  # fmt: skip
    row = {
        "channel": "mes", "key": '["north", "S/1", "form", 2, 1]', "subject": "S/1", "payload": payload,
        "status": OutboxStatus.PENDING, "created_at": NOW, "next_at": NOW, "attempts": 0,
    }  # fmt: skip
    assert recommendation("north", decision, 0.9) == row
    held = decision._replace(verdict=Verdict.HOLD, on_hold="inspect")
    wanted = payload | {"recommendation": "hold", "confidence": None, "on_hold": "inspect"}
    assert recommendation("north", held, 0.9) == row | {"payload": wanted}


@pytest.mark.parametrize(
    ("attempts", "base", "wait"),
    [
        (1, timedelta(seconds=10), timedelta(seconds=10)),
        (4, timedelta(seconds=10), timedelta(seconds=80)),
        (10, timedelta(seconds=10), timedelta(minutes=5)),
        (10**9, timedelta(milliseconds=1), timedelta(minutes=5)),
        (1, timedelta(days=9999), timedelta(minutes=5)),
        (10**9, timedelta(days=9999), timedelta(minutes=5)),
        (5, timedelta(0), timedelta(0)),
    ],
    ids=[
        "base",
        "doubled thrice",
        "five minutes at most",
        "no overflow",
        "a base beyond the limit",
        "one that would overflow",
        "no wait",
    ],
)
def test_backoff_doubles_to_five_minutes(attempts: int, base: timedelta, wait: timedelta) -> None:
    assert backoff(attempts, base) == wait
