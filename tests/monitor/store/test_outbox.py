"""Which messages of the outbox go out next, on both databases, and how long a failed one waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.delivery.retry import RetryPolicy, backoff
from monitor.errors import DeliveryError, DeliveryReason
from monitor.statuses import OutboxStatus
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.delivery.outbox import (
    OutboxMessage,
    messages_with_status,
    new_message,
    next_due,
    record_failed,
    record_sent,
)

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


@pytest.mark.parametrize(
    ("attempts", "base", "wait"),
    [
        (1, timedelta(seconds=10), timedelta(seconds=10)),
        (4, timedelta(seconds=10), timedelta(seconds=80)),
        (10, timedelta(seconds=10), timedelta(minutes=5)),
        (10**9, timedelta(milliseconds=1), timedelta(minutes=5)),
        (1, timedelta(days=9999), timedelta(minutes=5)),
        (5, timedelta(0), timedelta(0)),
    ],
    ids=["base", "doubled thrice", "five minutes at most", "no overflow", "a base beyond the limit", "no wait"],
)
def test_backoff_doubles_to_five_minutes(attempts: int, base: timedelta, wait: timedelta) -> None:
    assert backoff(attempts, base) == wait
