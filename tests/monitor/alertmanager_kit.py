"""Alertmanager for tests of silences: a small one whose answers a test can spoil, and the real one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from waits import HANGS, until

from alerting.alerts import servers

_LISTENING = re.compile(r"Listening.*address=127\.0\.0\.1:(\d+)")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Says nothing of who did not wait for an answer."""


class SmallAlertmanager:
    """What it holds, and what was asked of it; `spoil` has an answer of another kind for a path.

    An answer is a status with a text, or None: then the line is cut after all was done, as by a kill.
    """

    def __init__(self, up_since: datetime) -> None:
        self.up_since = up_since
        self.alerts: list[dict[str, Any]] = []
        self.silences: dict[str, dict[str, Any]] = {}
        self.spoil: dict[str, tuple[int, str] | None] = {}
        self.asked: list[str] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def close(self) -> None:
        """End it, also what waits."""
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()

    def silence(self, number: str, at: datetime, until: datetime, comment: str, by: str = "bob") -> None:
        """A person makes a silence."""
        self.silences[number] = {
            "id": number, "status": {"state": "active"}, "startsAt": at.isoformat(), "endsAt": until.isoformat(),
            "createdBy": by, "comment": comment, "matchers": [],
        }  # fmt: skip

    def fire(self, name: str, subject: str, at: datetime, *silenced_by: str, condition: str = "breach") -> None:
        """An alert fires."""
        state = "suppressed" if silenced_by else "active"
        self.alerts.append({
            "labels": {"alertname": name, "subject": subject, "condition": condition}, "annotations": {"value": "1"},
            "startsAt": at.isoformat(), "status": {"state": state, "silencedBy": list(silenced_by)},
        })  # fmt: skip

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, str] | None:
        """What is answered."""
        self.asked.append(f"{method} {path}")
        said: Any = {"uptime": self.up_since.isoformat()}
        if method == "POST":
            number = f"made-{len(self.silences)}"
            self.silences[number] = {"id": number, "status": {"state": "active"}, **json.loads(body)}
            said = {"silenceID": number}
        elif method == "DELETE":
            self.silences[path.rpartition("/")[2]]["status"] = {"state": "expired"}
        elif path != "status":
            said = self.alerts if path == "alerts" else list(self.silences.values())
        return self.spoil.get(f"{method} {path}", (200, json.dumps(said)))


def _handler(of: SmallAlertmanager) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            of.go_on.wait(HANGS)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = of.answer(self.command, self.path.removeprefix("/api/v2/"), body)
            if answer is not None:
                self.send_response(answer[0])
                self.end_headers()
                self.wfile.write(answer[1].encode())

        do_POST = do_DELETE = do_GET  # noqa: N815 - as the library calls them

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    return Handler


@contextmanager
def real_alertmanager(folder: Path) -> Iterator[str]:
    """The URL of a real one, which posts to nobody; skips where it is not installed."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        pytest.skip("Alertmanager is not on PATH")
    (folder / "token").write_text("a-token")
    config = folder / "alertmanager.yml"
    config.write_text(servers.alertmanager("http://127.0.0.1:1/", str(folder / "token"), interval="1s"))
    log = folder / "alertmanager.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [program, f"--config.file={config}", f"--storage.path={folder / 'data'}",
             "--web.listen-address=127.0.0.1:0", "--cluster.listen-address="], stdout=out, stderr=out, cwd=folder,
        )  # fmt: skip
    try:
        found = until(lambda: _LISTENING.search(log.read_text(errors="replace")), "Alertmanager listens")
        url = f"http://127.0.0.1:{found[1]}/"
        until(lambda: httpx.get(f"{url}-/ready").status_code == 200, "Alertmanager is ready")
        yield url
    finally:
        process.kill()
        process.wait()
