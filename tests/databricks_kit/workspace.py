"""The stub as an HTTP server in a thread of the test process."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import databricks.sdk  # noqa: F401 - once here instead of in each process of a test that is forked
import pytest
from mlflow.utils import rest_utils

from databricks_kit.files import Files
from databricks_kit.models import Models
from databricks_kit.protocol import Answer, Asked, Refused
from databricks_kit.runs import Runs
from databricks_kit.tables import Tables

TOKEN = "token-of-the-stub"


class Workspace:
    """A workspace: models, runs and files. What it was asked is kept in order; chosen paths can be refused."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.forget()

    def forget(self) -> None:
        """Make it a new workspace."""
        self.files = Files()
        self.models = Models(self.files.content)
        self.runs = Runs()
        self.asked: list[tuple[str, str]] = []
        self.refused: dict[str, Refused] = {}
        """By the end of a path, what is answered there."""
        self.tables = Tables()
        self._routes = {**self.models.routes(), **self.runs.routes()}

    def answer(self, asked: Asked) -> Answer:
        """What a workspace says; Refused for an error."""
        if asked.path.startswith("/.well-known/"):
            return Answer()
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Refused(401, "UNAUTHENTICATED", "Credential was not sent or is not valid.")
        self.asked.append((asked.method, asked.path))
        for end, refusal in self.refused.items():
            if asked.path.endswith(end):
                raise refusal
        if asked.path.startswith(("/api/2.0/fs/files", "/api/2.0/fs/directories")):
            return self.files.answer(asked)
        if "/unity-catalog/tables/" in asked.path or asked.path.endswith("/temporary-table-credentials"):
            return self.tables.answer(asked)
        route = self._routes.get((asked.method, asked.path))
        if route is None:
            raise Refused(404, "ENDPOINT_NOT_FOUND", f"No API found for '{asked.method} {asked.path}'")
        return route(asked)

    @contextmanager
    def refusing(self, end: str, status: int, code: str, message: str = "not you") -> Iterator[None]:
        """Answer with an error where a path ends so."""
        self.refused[end] = Refused(status, code, message)
        try:
            yield
        finally:
            del self.refused[end]


def serve(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """A server on a free port of 127.0.0.1, in a thread."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


@contextmanager
def running(environment: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A workspace that this process finds by its environment, as the documentation says."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                found = workspace.answer(Asked(self.command, parts.path, headers, dict(parse_qsl(parts.query)), body))
            except Refused as exc:
                told = {"error_code": exc.code, "message": str(exc)}
                found = Answer(json.dumps(told).encode(), status=exc.status)
            self._say(found)

        def _say(self, found: Answer) -> None:
            self.send_response(found.status)
            head = {"content-type": found.kind, "content-length": str(len(found.body)), "x-databricks-org-id": "7"}
            for name, value in {**head, **found.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(found.body)

        do_GET = do_POST = do_PUT = do_HEAD = do_PATCH = do_DELETE = _handle  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = serve(Handler)
    workspace = Workspace(f"http://127.0.0.1:{server.server_port}")
    environment.setenv("DATABRICKS_HOST", workspace.url)
    environment.setenv("DATABRICKS_TOKEN", TOKEN)
    environment.setenv("DATABRICKS_CONFIG_FILE", "/dev/null")
    rest_utils.get_workspace_client.cache_clear()  # it remembers the workspace of before
    try:
        yield workspace
    finally:
        rest_utils.get_workspace_client.cache_clear()
        server.shutdown()
        server.server_close()
