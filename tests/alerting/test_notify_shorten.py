"""Messages about many alerts, and services that take only so much."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import apprise
import pytest
from apprise.conversion import convert_between
from hypothesis import given, settings
from hypothesis import strategies as st
from notify_histories import History

from alerting.notifications.decide import Message
from alerting.notifications.describe import MessageContext
from alerting.notifications.languages.sentences import Said, shipped
from alerting.notifications.text import message_text, more_of
from exporters.delivery.channels.apprise import Limits, send
from exporters.delivery.shared.shorten import shortened

CONTEXT = MessageContext("plant 1", lambda _: "press", lambda _: shipped("en"), "https://gatewatch.example/")
HOT = Said("outside_high", {"sensor": "<heat>"}, {"value": (75.0, "degC"), "limit": (60.0, "number")})


def breaches(number: int, lines: int = 1, **changes: Any) -> dict[str, Any]:
    """The payload of a message about machines in breach, as the job writes it."""
    history = History()
    for n in range(number):
        # The first are only warnings: the worst of them is the last one but one.
        severity = "critical" if n == number - 2 else "warning"
        history.fire("MachineOutOfSpec", f"M{n:02}", severity=severity, line=f"l{n % lines}", details=(HOT,))
    messages = history.tell(0)
    message = messages[0] if lines == 1 else Message("operators:+:x", tuple(n for m in messages for n in m.notes))
    text = message_text(message, CONTEXT)
    pieces = [[piece.text, piece.alerts, piece.rank] for piece in text.pieces]
    payload = {"title": text.title, "body": text.body, "pieces": pieces, "tail": text.tail, "mood": "critical"}
    return payload | more_of(shipped("en"), CONTEXT.pages) | changes


SERVICES = {
    "Discord, 2,000": ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", True),
    "Telegram, 4,096, as HTML": ("tgram://123456789:abcdefg_hijklmnop/lead2gold/?format=html", True),
    "Telegram, as Markdown": ("tgram://123456789:abcdefg_hijklmnop/lead2gold/?format=markdown", True),
    "Rocket.Chat, 1,000": ("rocket://user:password@localhost/#Channel", True),
    "Mattermost, 4,000": ("mmost://localhost/3ccdd113474722377935511fc85d3dd4", True),
    "a text message, 160": ("clicksend://user:password@3334445556", False),
    "mail": ("mailto://user:password@gmail.com", True),
}


@pytest.mark.parametrize("lines", [1, 5])
@pytest.mark.parametrize(("url", "names"), SERVICES.values(), ids=SERVICES)
def test_forty_machines_in_breach_are_one_message_that_the_service_takes(url: str, names: bool, lines: int) -> None:
    plugin = apprise.Apprise.instantiate(url)
    assert isinstance(plugin, apprise.NotifyBase)
    title, body = shortened(breaches(40, lines), Limits.of(plugin).fits)
    target = plugin.resolve_format(apprise.NotifyFormat.TEXT)
    # As Apprise makes the one message that it sends.
    text = convert_between(apprise.NotifyFormat.TEXT, target, body)
    head = convert_between(apprise.NotifyFormat.TEXT, target, title) if plugin.title_maxlen <= 0 else title
    (chunk,) = plugin._apply_overflow(text, head, overflow="upstream", body_format=target)
    sent = plugin.dialect_convert(chunk["body"], target) + chunk["title"] * plugin.overflow_amalgamate_title
    assert len(sent) <= plugin.body_maxlen
    assert len(chunk["title"]) <= max(plugin.title_maxlen, 0)
    assert body.endswith("id operators:+:x" if lines > 1 else "id operators:l0:20260302T060000Z-1:1")
    if names:
        assert "M38" in body, "the worst"
        told = {
            name
            for name in (f"M{n:02}" for n in range(40))
            if re.search(rf"\b{name} <heat> 75 degC, high limit 60, since", body)
        }
        left_out = sum(map(int, re.findall(r"^(?:and|new:) (\d+) more(?: alert|, see)", body, re.MULTILINE)))
        assert len(told) + left_out == 40


def test_a_message_that_fits_is_not_touched() -> None:
    payload = breaches(3)
    assert shortened(payload, lambda title, body: True) == (payload["title"], payload["body"])


def test_a_shortened_message_says_where_the_rest_is() -> None:
    _, body = shortened(breaches(40), lambda title, body: len(title) + len(body) < 1500)
    assert re.search(r"\nand \d+ more alerts: see https://gatewatch\.example/ or 'gatewatch alerts list'\n\nid ", body)
    assert body.startswith("critical: M38 <heat> 75 degC, high limit 60, since 06:00 UTC; step press, line l0\n  Do: ")


@given(st.integers(10, 6000), st.integers(1, 60), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
@pytest.mark.slow
def test_whatever_is_left_out_is_counted(room: int, number: int, lines: int) -> None:
    payload = breaches(number, lines)
    title, body = shortened(payload, lambda title, body: len(title) + len(body) <= room)
    if len(payload["tail"]) + 3 <= room:
        assert len(title) + len(body) <= room
    if "more alert" in body and body != payload["body"]:
        telling = [piece for piece in payload["pieces"] if piece[1]]
        kept = [piece for piece in telling if piece[0].strip() in body]
        (left_out,) = re.findall(r"and (\d+) more alert", body)
        assert int(left_out) == sum(p[1] for p in telling) - sum(p[1] for p in kept)
        assert all(piece[2] < other[2] for piece in kept for other in telling if other not in kept)


@pytest.mark.parametrize("language", ["en", "de"])
def test_what_and_where_go_last_then_what_to_do_the_links_the_others_and_causes(language: str) -> None:
    history = History()
    history.fire("SensorDead", "M9", cause=3, details=())
    history.tell(0)
    history.end(1, 20)
    history.fire("MachineOutOfSpec", "M1", 40, severity="critical", details=(HOT,))
    history.fire("MachineAnomalous", "M2", 40, cause=3, details=())
    (message,) = history.tell(40)
    context = MessageContext("plant 1", lambda _: "press", lambda _: shipped(language), "https://gatewatch.example/")
    text, words = message_text(message, context), shipped(language)
    payload = {"title": text.title, "body": text.body, "tail": text.tail, **more_of(words, context.pages)}
    payload["pieces"] = [[piece.text, piece.alerts, piece.rank] for piece in text.pieces]
    said = {
        "what and where": "M1 <heat> 75 degC",
        "what to do": words.of_alert("MachineOutOfSpec", "do"),
        "the links": "/subjects/M1\n",
        "the others": words.of_alert("MachineAnomalous", "summary", subject="M2"),
        "why": words.of_alert("MachineOutOfSpec", "cause"),
        "what to do about others": words.of_alert("MachineAnomalous", "do"),
        "what is over": words.of_alert("SensorDead", "summary", subject="M9"),
    }
    gone: dict[str, int] = {}
    for room in range(len(text.body), len(text.tail), -1):
        _, body = shortened(payload, lambda title, body, room=room: len(body) <= room)
        gone |= {name: room for name, part in said.items() if part not in body and name not in gone}
    rooms = [gone[name] for name in said]
    assert rooms == sorted(rooms), gone
    assert len(set(rooms)) >= 6, "one after the other"
    _, body = shortened(payload, lambda title, body: len(body) < len(text.body) - 1)
    assert ("1 weiterer Alarm: siehe https" if language == "de" else "1 more alert: see https") in body


def test_a_message_queued_by_the_version_before_is_cut_by_lines() -> None:
    body = "\n".join([f"line {n}" for n in range(100)] + ["", "id 7"])
    _, cut = shortened({"title": "t", "body": body}, lambda title, body: len(body) < 200)
    assert cut.startswith("line 0\nline 1\n")
    assert cut.endswith("\nshortened: see 'gatewatch alerts list'\nid 7")


def test_a_real_service_with_a_limit_takes_the_message() -> None:
    taken: list[str] = []

    class Limited(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"]
            taken.extend([text] * (len(text) <= 4000))
            self.send_response(200 if len(text) <= 4000 else 400)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Limited)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        send(f"mmost://127.0.0.1:{server.server_port}/3ccdd113474722377935511fc85d3dd4", breaches(200, 4))
    finally:
        server.shutdown()
        server.server_close()
    assert len(taken) == 1
