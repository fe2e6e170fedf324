"""The one HTTP server: metrics, health, parts, reports, and Alertmanager's webhook, the one thing that writes."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

from exporters.html.html import CONTENT_SECURITY_POLICY
from exporters.metrics.collector import exposition
from exporters.metrics.shared.metric import Bounds
from exporters.metrics.shared.snapshot import MetricsSnapshot
from exporters.pages.index import index_page
from exporters.pages.parts import part_page, problem_page, reports_page
from monitor.errors import MonitorError
from monitor.store.database.database import DatabaseError
from monitor.web.webhook import Answer

_LOG = logging.getLogger(__name__)
_STOP_SECONDS = 1.8
_GRACE_SECONDS = 1
_READ = ["GET", "HEAD"]

# A report is made from data by other libraries and may run the scripts inside itself, but in an origin of its own.
_REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)
_REPORT_TYPES = {
    ".html": "text/html; charset=utf-8", ".json": "application/json", ".csv": "text/csv; charset=utf-8",
    ".txt": "text/plain; charset=utf-8", ".md": "text/plain; charset=utf-8", ".png": "image/png",
}  # fmt: skip
_SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Views:
    """What the server shows. Each is asked anew at every request, from several threads at once.

    `ready` gives the problems that keep the process from working, none when it is ready; `passport` all that is
    known of a serial number, None where nothing is; `bounds` the plant in force, which a reload changes. `refusal` says
    why a post to the webhook is not taken, by its Authorization header and size; `take` takes its body.
    """

    snapshot: Callable[[], MetricsSnapshot]
    ready: Callable[[], list[str]]
    passport: Callable[[str], dict[str, object] | None]
    reports: Path
    bounds: Callable[[], Bounds]
    refusal: Callable[[str, int], Answer | None]
    take: Callable[[bytes], Answer]


def make_app(views: Views) -> FastAPI:
    """The application. A store that cannot be read is answered with 503 and a sentence."""
    # The documentation pages that FastAPI would add load scripts from elsewhere.
    app = FastAPI(title="Gatewatch", openapi_url=None)
    app.add_exception_handler(MonitorError, _unavailable)
    app.add_exception_handler(DatabaseError, _unavailable)
    _add_health(app, views)
    _add_pages(app, views)
    _add_reports(app, views.reports)
    _add_webhook(app, views)
    return app


def _add_health(app: FastAPI, views: Views) -> None:
    @app.api_route("/metrics", methods=_READ)
    def metrics(request: Request) -> Response:
        text, content_type = exposition(views.snapshot(), views.bounds(), request.headers.get("accept", ""))
        return Response(text, headers={**_SAFE, "Content-Type": content_type})

    @app.api_route("/healthz", methods=_READ)
    def healthz() -> Response:
        return JSONResponse({"status": "ok"}, headers=_SAFE)

    @app.api_route("/readyz", methods=_READ)
    def readyz() -> Response:
        try:
            problems = views.ready()
        except MonitorError as exc:
            problems = [str(exc)]
        return JSONResponse({"ready": not problems, "problems": problems}, 503 if problems else 200, _SAFE)


def _add_pages(app: FastAPI, views: Views) -> None:
    @app.api_route("/", methods=_READ)
    def index() -> Response:
        return _html(index_page(views.snapshot(), views.bounds()))

    @app.api_route("/parts", methods=_READ)
    def search(request: Request) -> Response:
        # The form and the links ask here: a serial number such as '..' does not survive as a path.
        return part(request, request.query_params.get("serial", ""))

    @app.api_route("/parts/{serial:path}", methods=_READ)
    def part(request: Request, serial: str) -> Response:
        found = views.passport(serial) if serial else None
        if found is None:
            what = f"Nothing is known of part {serial!r}; give the serial number as the MES has it."
            return _said(request, 404, "No such part", what)
        return JSONResponse(found, headers=_SAFE) if _wants_json(request) else _html(part_page(found))


def _add_reports(app: FastAPI, root: Path) -> None:
    @app.api_route("/reports/", methods=_READ)
    def listing() -> Response:
        return _html(reports_page([path.relative_to(root).as_posix() for path in report_files(root)]))

    @app.api_route("/reports/{name:path}", methods=_READ)
    def report(request: Request, name: str) -> Response:
        path = root / name
        # Only what the listing shows is served, so that no spelling of a path leads out of the folder.
        if path not in report_files(root):
            return _said(request, 404, "No such report", "This report does not exist; the list of reports is complete.")
        headers = {**_SAFE, "Content-Security-Policy": _REPORT_POLICY, "Content-Type": _REPORT_TYPES[path.suffix]}
        return FileResponse(path, headers=headers)


def _add_webhook(app: FastAPI, views: Views) -> None:
    @app.post("/webhook/alertmanager")
    async def alertmanager(request: Request) -> Response:
        authorization, body = request.headers.get("authorization", ""), b""
        pieces = request.stream()
        # A body may be longer than it says, or say nothing: it is counted as it comes.
        while (refused := views.refusal(authorization, len(body))) is None:
            piece = await anext(pieces, None)
            if piece is None:
                break
            body += piece
        status, said = await run_in_threadpool(views.take, body) if refused is None else refused
        return JSONResponse(said, status, _SAFE)


def report_files(root: Path) -> list[Path]:
    """The report files below `root`, sorted; hidden files, links and other kinds of file are left out."""
    found = (path for path in root.rglob("*") if path.suffix in _REPORT_TYPES and path.is_file())
    inside = root.resolve()
    return sorted(
        path
        for path in found
        if path.resolve() == inside / path.relative_to(root)
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )


def _unavailable(request: Request, exc: Exception) -> Response:
    sentence = str(exc) if isinstance(exc, MonitorError) else "The store could not be read; its log has the cause."
    _LOG.warning("%s could not be answered: %s", request.url.path, exc)
    return _said(request, 503, "Not available", sentence)


def _wants_json(request: Request) -> bool:
    asked = request.query_params.get("format")
    accept = request.headers.get("accept", "")
    return asked == "json" or (asked is None and "application/json" in accept and "text/html" not in accept)


def _said(request: Request, status: int, title: str, sentence: str) -> Response:
    if _wants_json(request):
        return JSONResponse({"error": sentence}, status, _SAFE)
    if "text/html" in request.headers.get("accept", ""):
        return _html(problem_page(title, sentence), status)
    text = f"{sentence}\n".encode("utf-8", "replace")
    return Response(text, status, {**_SAFE, "Content-Type": "text/plain; charset=utf-8"})


def _html(text: str, status: int = 200) -> Response:
    return HTMLResponse(text, status, {**_SAFE, "Content-Security-Policy": CONTENT_SECURITY_POLICY})


def can_listen(host: str, port: int) -> None:
    """MonitorError where `serve` would fail: for those who have much to do before it."""
    _listening(host, port).close()


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as exc:
        raise MonitorError(
            f"the HTTP server cannot listen on {host} port {port}: {exc}; "
            "end the other process, or set server.host and server.port in the plant file"
        ) from exc


class Served:
    """A server that runs in a thread of its own until it is stopped."""

    def __init__(self, server: uvicorn.Server, listening: socket.socket) -> None:
        self.port: int = listening.getsockname()[1]
        self._server = server
        self._thread = threading.Thread(target=server.run, args=([listening],), name="http", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it: requests under way have a second, then the process goes on without them."""
        self._server.should_exit = True
        self._thread.join(_STOP_SECONDS)


def serve(app: FastAPI, host: str, port: int) -> Served:
    """Answer on host and port (0: any free one). MonitorError where they cannot be had."""
    # Bound here and not by uvicorn, which would log a failure and end the process.
    listening = _listening(host, port)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
    )  # fmt: skip
    return Served(uvicorn.Server(config), listening)
