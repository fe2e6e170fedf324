"""Apprise, against a local service that answers late."""

from __future__ import annotations

import apprise
import pytest

from exporters.delivery.channels.apprise import _CONNECTION_SECONDS, _lengthen_timeouts


@pytest.mark.parametrize(
    ("query", "waits"),
    {
        "nothing said": ("", (_CONNECTION_SECONDS, _CONNECTION_SECONDS)),
        "an answer within 2 s": ("?rto=2", (_CONNECTION_SECONDS, 2.0)),
        "a connection within 3 s": ("?cto=3", (3.0, _CONNECTION_SECONDS)),
    }.values(),
    ids=["nothing said", "an answer within 2 s", "a connection within 3 s"],
)
def test_a_service_is_given_time_to_answer_unless_its_url_says_otherwise(
    query: str, waits: tuple[float, float]
) -> None:
    receiver = apprise.Apprise.instantiate(f"json://127.0.0.1:9/{query}")
    assert isinstance(receiver, apprise.NotifyBase)
    _lengthen_timeouts(receiver)
    assert receiver.request_timeout == waits
