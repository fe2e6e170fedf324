"""A real HTTP server that takes notifications as Apprise's json:// sends them, and can be told to refuse."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Andon:
    """Remembers what came; `status` is what it answers with."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.tries = 0
        self.status = 200
        andon = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                andon.tries += 1
                if andon.status == 200:
                    andon.taken.append(json.loads(body))
                self.send_response(andon.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its Apprise URL, with a secret in it."""
        return f"json://operator:hunter2@127.0.0.1:{self._server.server_port}/token"

    @property
    def ids(self) -> list[str]:
        """The ids of what came, in order."""
        return [taken["message"].rpartition("id ")[2] for taken in self.taken]

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
