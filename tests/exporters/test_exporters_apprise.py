"""Apprise, against local services: late answers and redirects."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import apprise
import pytest

from exporters.delivery.channels.apprise import _CONNECTION_SECONDS, _lengthen_timeouts, send
from monitor.errors import DeliveryError, DeliveryReason


@pytest.mark.parametrize(
    ("query", "waits"),
    {
        "nothing said": ("", (_CONNECTION_SECONDS, _CONNECTION_SECONDS)),
        "an answer within 2 s": ("?rto=2", (_CONNECTION_SECONDS, 2.0)),
        "a connection within 3 s": ("?cto=3", (3.0, _CONNECTION_SECONDS)),
    }.values(),
    ids=["nothing said", "an answer within 2 s", "a connection within 3 s"],
)
@pytest.mark.slow
def test_a_service_is_given_time_to_answer_unless_its_url_says_otherwise(
    query: str, waits: tuple[float, float]
) -> None:
    receiver = apprise.Apprise.instantiate(f"json://127.0.0.1:9/{query}")
    assert isinstance(receiver, apprise.NotifyBase)
    _lengthen_timeouts(receiver)
    assert receiver.request_timeout == waits


class Elsewhere:
    """A service that answers with a redirect to another one, which would accept the message."""

    def __init__(self, status: int) -> None:
        self.reached = 0
        outer = self

        class Redirecting(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(status)
                self.send_header("Location", f"http://127.0.0.1:{outer.other.server_port}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        class Accepting(Redirecting):
            def do_POST(self) -> None:
                outer.reached += 1
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                self.do_POST()

        self.first, self.other = (ThreadingHTTPServer(("127.0.0.1", 0), made) for made in (Redirecting, Accepting))
        for server in (self.first, self.other):
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        for server in (self.first, self.other):
            server.shutdown()
            server.server_close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "form",
    [
        "json://127.0.0.1:{}/x",
        "json://127.0.0.1:{}/x?redirect=yes",
        "form://127.0.0.1:{}",
        "ntfy://127.0.0.1:{}/topic",
        "mmost://127.0.0.1:{}/3ccdd113474722377935511fc85d3dd4",
    ],
)
def test_a_redirect_is_not_followed_and_is_a_failure_with_a_reason(form: str, status: int) -> None:
    service = Elsewhere(status)
    try:
        with pytest.raises(DeliveryError, match=rf"redirects \(HTTP status {status}\), which is not followed") as told:
            send(form.format(service.first.server_port), {"title": "t", "body": "b", "mood": "info"})
        assert told.value.reason is DeliveryReason.REFUSED
        assert service.reached == 0
    finally:
        service.close()
