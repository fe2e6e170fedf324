"""A small Grafana over HTTP: health, data source, dashboards with versions; any answer can be put in its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs

from waits import HANGS

TOKEN = "glsa_0123456789abcdef"
VERSIONS = "/versions?limit=1"


@dataclass
class Stub:
    """What it holds, what it is told to answer instead (status, body), and every request it got."""

    url: str = ""
    dashboards: dict[str, dict[str, Any]] = field(default_factory=dict)
    messages: dict[str, list[str]] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    provisioned: set[str] = field(default_factory=set)
    instead: dict[str, tuple[int, Any]] = field(default_factory=dict)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    release: Event = field(default_factory=Event)

    def answer(self, method: str, path: str, body: Any, authorization: str) -> tuple[int, Any]:
        """Status and body; a string body is sent as it is."""
        self.requests.append((method, path, body))
        for part, told in self.instead.items():
            if part in path:
                return told
        if path == "/api/health":
            return 200, {"database": "ok", "version": "12.1.0"}
        if authorization != f"Bearer {TOKEN}":
            return 401, {"message": "Invalid API key"}
        if path == "/api/datasources/uid/gatewatch-prometheus":
            return 200, {"uid": "gatewatch-prometheus", "type": "prometheus"}
        if method == "POST" and path == "/api/dashboards/db":
            return self._save(body)
        if path.partition("?")[0] == "/api/annotations":
            return self._annotate(body) if method == "POST" else (200, self._found(parse_qs(path.partition("?")[2])))
        uid = path.removeprefix("/api/dashboards/uid/")
        if uid.endswith(VERSIONS):
            told = self.messages[uid.removesuffix(VERSIONS)]
            return 200, {"versions": [{"version": len(told), "message": told[-1]}]}
        if uid not in self.dashboards:
            return 404, {"message": "Dashboard not found", "status": "not-found"}
        meta = {"provisioned": uid in self.provisioned, "folderUid": self.folders[uid]}
        return 200, {"dashboard": self.dashboards[uid], "meta": meta}

    def _save(self, body: dict[str, Any]) -> tuple[int, Any]:
        board = dict(body["dashboard"])
        old = self.dashboards.get(board["uid"])
        if old is not None and not body["overwrite"] and old["version"] != board.get("version"):
            return 412, {"status": "version-mismatch", "message": "The dashboard has been changed by someone else"}
        board |= {"id": 7, "version": (old["version"] if old else 0) + 1}
        self.dashboards[board["uid"]] = board
        self.messages.setdefault(board["uid"], []).append(body["message"])
        self.folders[board["uid"]] = body["folderUid"]
        return 200, {"status": "success", "uid": board["uid"], "version": board["version"], "url": "/d/x"}

    def _annotate(self, body: dict[str, Any]) -> tuple[int, Any]:
        """As Grafana 11: text and time are needed, tags are split at a colon, no two alike, 500 characters at most."""
        if not body.get("text"):
            return 400, {"message": "Failed to save annotation", "error": "text field should not be empty"}
        pairs: list[list[str]] = [tag.split(":")[:2] for tag in body.get("tags", ())]
        tags = list(dict.fromkeys(":".join(part.strip(" ") for part in pair if part) for pair in pairs))
        if len(json.dumps(tags, separators=(",", ":"))) > 500:
            return 400, {"message": "Failed to save annotation", "messageId": "annotations.tag-limit-exceeded"}
        start, end = body["time"], body.get("timeEnd") or body["time"]
        row = {"id": len(self.annotations) + 1, "alertId": 0, "dashboardId": 0, "panelId": 0, "text": body["text"]}
        row |= {"tags": tags, "time": min(start, end), "timeEnd": max(start, end)}
        self.annotations.append(row)
        return 200, {"message": "Annotation added", "id": row["id"]}

    def _found(self, asked: dict[str, list[str]]) -> list[dict[str, Any]]:
        """Those with all of the tags that overlap the period, which counts only with both ends; the newest first."""
        start, end = (int(asked.get(name, ["0"])[0]) for name in ("from", "to"))
        found = [row for row in self.annotations if set(asked.get("tags", ())) <= set(row["tags"])]
        if start > 0 and end > 0:
            found = [row for row in found if row["time"] <= end and row["timeEnd"] >= start]
        found.sort(key=lambda row: (row["timeEnd"], row["time"]), reverse=True)
        return found[: int(asked.get("limit", ["0"])[0]) or 100]

    def edited(self, uid: str, message: str = "") -> None:
        """Somebody saves another version in the browser."""
        self.dashboards[uid] = {**self.dashboards[uid], "version": self.dashboards[uid]["version"] + 1}
        self.messages[uid].append(message)


@contextmanager
def stub() -> Iterator[Stub]:
    """A stub on a loopback port of its own."""
    made = Stub()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, told = made.answer(self.command, self.path, body, self.headers.get("Authorization", ""))
            if told == "never":
                made.release.wait(HANGS)
                return
            content = told.encode() if isinstance(told, str) else json.dumps(told).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/login")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        made.release.set()
        server.shutdown()
        server.server_close()
