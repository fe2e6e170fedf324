"""The HTTP server: metrics, health, pages, reports; what people do about alerts and Alertmanager's webhook write."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import uvicorn
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from exporters.metrics.collector import exposition
from exporters.metrics.shared.metric import Bounds
from exporters.metrics.shared.snapshot import MetricsSnapshot
from exporters.pages.andon import ANDON_POLICY, andon_page
from exporters.pages.index import index_page
from exporters.pages.parts import Top, reports_page, top_at
from monitor.clock import WallClock
from monitor.errors import MonitorError
from monitor.store.database.database import DatabaseError
from monitor.web.answers import READ, SAFE, error, html, top_of
from monitor.web.connections import Limits, limited
from monitor.web.parts import PartViews, add_handover, add_lots, add_parts, add_pictures
from monitor.web.people import PeopleViews, add_people
from monitor.web.subjects import add_subjects
from monitor.web.webhook import Answer

_LOG = logging.getLogger(__name__)
_BACKLOG = 64
"""Connections that wait to be accepted; asyncio accepts as many at once, each with a file handle."""
_THREADS = 6
"""Requests answered at a time: jobs use the store's connections too."""
_STOP_SECONDS = 1.8
_GRACE_SECONDS = 1

# A report is rendered by other libraries and may run its own scripts, but sandboxed in an origin of its own.
_REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)
_REPORT_TYPES = {
    ".html": "text/html; charset=utf-8", ".json": "application/json", ".csv": "text/csv; charset=utf-8",
    ".txt": "text/plain; charset=utf-8", ".md": "text/plain; charset=utf-8", ".png": "image/png",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Views:
    """What the server shows. Each is called at every request, from several threads at once.

    `ready` returns the problems that keep the process from working, none when it is ready; `passport` all that is
    known about a serial number, or None; `bounds` the label values of the plant in force, which a reload changes.
    `picture` is a stored picture as a PNG, by the arrival number of its row and its name, or None; `parts` what else is
    shown of parts.
    `refusal` says why a post to the webhook is refused, by its Authorization header and size; `receive` takes its body.
    """

    snapshot: Callable[[], MetricsSnapshot]
    ready: Callable[[], list[str]]
    passport: Callable[[str], dict[str, object] | None]
    reports: Path
    bounds: Callable[[], Bounds]
    refusal: Callable[[str, int], Answer | None]
    receive: Callable[[bytes], Answer]
    now: Callable[[], datetime] = WallClock().now
    picture: Callable[[int, str], bytes | None] = lambda arrival, name: None
    parts: PartViews = field(default_factory=PartViews)
    people: PeopleViews = field(default_factory=PeopleViews)


def make_app(views: Views) -> FastAPI:
    """The application. If the store cannot be read, the answer is 503 with a sentence; /metrics tells what it can."""
    # FastAPI's documentation pages would load scripts from other hosts.
    app = FastAPI(title="Gatewatch", openapi_url=None)
    app.state.top = lambda: _top(views)
    app.add_exception_handler(MonitorError, _unavailable)
    app.add_exception_handler(DatabaseError, _unavailable)
    _add_health(app, views)
    _add_index(app, views)
    add_subjects(app, views.snapshot, views.bounds)
    add_parts(app, views.parts, views.passport, lambda: views.bounds().plant.gates)
    add_lots(app, views.parts.lot)
    add_handover(app, views.parts.handover)
    add_pictures(app, views.picture, views.parts.picture_map)
    add_people(app, views.people)
    _add_andon(app, views)
    _add_reports(app, views.reports)
    _add_webhook(app, views)
    return app


def _add_health(app: FastAPI, views: Views) -> None:
    @app.api_route("/metrics", methods=READ)
    def metrics(request: Request) -> Response:
        try:
            snapshot = views.snapshot()
        except (MonitorError, DatabaseError) as exc:
            _LOG.warning("/metrics is answered without the store: %s", exc)
            snapshot = _unreadable(views)
        accept = request.headers.get("accept", "")
        text, content_type = exposition(snapshot, views.bounds(), accept, process=True)
        return Response(text, headers={**SAFE, "Content-Type": content_type})

    @app.api_route("/healthz", methods=READ)
    def healthz() -> Response:
        return JSONResponse({"status": "ok"}, headers=SAFE)

    @app.api_route("/readyz", methods=READ)
    def readyz() -> Response:
        try:
            problems = views.ready()
        except MonitorError as exc:
            problems = [str(exc)]
        return JSONResponse({"ready": not problems, "problems": problems}, 503 if problems else 200, SAFE)


def _top(views: Views) -> Top:
    """The status line of the plant now; of a store that cannot be read it says that, and nothing else is known."""
    try:
        return top_at(views.snapshot(), views.bounds())
    except (MonitorError, DatabaseError) as exc:
        _LOG.warning("the status line is shown without the store: %s", exc)
        return top_at(_unreadable(views), views.bounds())


def _add_index(app: FastAPI, views: Views) -> None:
    @app.api_route("/", methods=READ)
    def index() -> Response:
        snapshot, bounds = views.snapshot(), views.bounds()
        return html(index_page(snapshot, bounds, top_at(snapshot, bounds)))


def _add_andon(app: FastAPI, views: Views) -> None:
    @app.api_route("/andon/{line:path}", methods=READ)
    def andon(request: Request, line: str) -> Response:
        bounds = views.bounds()
        if line not in {step.line for step in bounds.plant.steps.values()}:
            return error(
                request, 404, "No such line", f"The plant has no line {line!r}; the overview links all of them."
            )
        try:
            snapshot, status = views.snapshot(), 200
        except (MonitorError, DatabaseError) as exc:
            # An error page would not do: nobody in the hall can load it again.
            _LOG.warning("/andon is answered without the store: %s", exc)
            snapshot, status = _unreadable(views), 503
        return html(andon_page(line, snapshot, bounds), status, ANDON_POLICY)


def _unreadable(views: Views) -> MetricsSnapshot:
    return MetricsSnapshot(views.now(), store_writable=False, store_readable=False)


def _add_reports(app: FastAPI, root: Path) -> None:
    @app.api_route("/reports/", methods=READ)
    def listing(request: Request) -> Response:
        names = [path.relative_to(root).as_posix() for path in report_files(root)]
        return html(reports_page(names, top_of(request)))

    @app.api_route("/reports/{name:path}", methods=READ)
    def report(request: Request, name: str) -> Response:
        path = root / name
        # Only files of the listing are served, so that no spelling of a path leads out of the folder.
        if path not in report_files(root):
            return error(request, 404, "No such report", "This report does not exist; see the list of reports.")
        headers = {**SAFE, "Content-Security-Policy": _REPORT_POLICY, "Content-Type": _REPORT_TYPES[path.suffix]}
        return FileResponse(path, headers=headers)


def _add_webhook(app: FastAPI, views: Views) -> None:
    @app.post("/webhook/alertmanager")
    async def alertmanager(request: Request) -> Response:
        authorization, body = request.headers.get("authorization", ""), bytearray()
        chunks = request.stream()
        # The Content-Length header may be wrong or absent: the bytes are counted as they come.
        while (refused := views.refusal(authorization, len(body))) is None:
            chunk = await anext(chunks, None)
            if chunk is None:
                break
            body += chunk
        status, answer = await run_in_threadpool(views.receive, bytes(body)) if refused is None else refused
        return JSONResponse(answer, status, SAFE)


def report_files(root: Path) -> list[Path]:
    """The report files below `root`, sorted; hidden files, links and other kinds of file are left out."""
    files = (path for path in root.rglob("*") if path.suffix in _REPORT_TYPES and path.is_file())
    resolved_root = root.resolve()
    return sorted(
        path
        for path in files
        if path.resolve() == resolved_root / path.relative_to(root)
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )


def _unavailable(request: Request, exc: Exception) -> Response:
    sentence = str(exc) if isinstance(exc, MonitorError) else "The store could not be read; its log has the cause."
    _LOG.warning("%s could not be answered: %s", request.url.path, exc)
    return error(request, 503, "Not available", sentence)


def check_can_listen(host: str, port: int) -> None:
    """MonitorError if `serve` would fail; for callers with long work to do before it."""
    _listen(host, port).close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as exc:
        raise MonitorError(
            f"the HTTP server cannot listen on {host} port {port}: {exc}; "
            "end the other process, or set server.host and server.port in the plant file"
        ) from exc


class RunningServer:
    """A server that runs in its own thread until it is stopped."""

    def __init__(self, server: uvicorn.Server, listener: socket.socket) -> None:
        self.port: int = listener.getsockname()[1]
        self._server = server
        self._thread = threading.Thread(target=server.run, args=([listener],), name="http", daemon=True)
        self._thread.start()

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._server.server_state.connections)

    def stop(self) -> None:
        """Stop it; requests in progress have a second to finish."""
        self._server.should_exit = True
        self._thread.join(_STOP_SECONDS)


def serve(app: FastAPI, host: str, port: int, limits: Limits | None = None) -> RunningServer:
    """Serve on host and port (0: any free one). MonitorError if it cannot listen there."""
    # Bound here and not by uvicorn, which would log a failure and end the process.
    listener = _listen(host, port)
    limits = limits or Limits()
    config = uvicorn.Config(
        _few_threads(app), log_config=None, access_log=False, lifespan="off", server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS, backlog=_BACKLOG, loop="asyncio", http=limited(limits),
        h11_max_incomplete_event_size=limits.header_bytes, ws="none",  # a WebSocket would have no limits
    )  # fmt: skip
    return RunningServer(uvicorn.Server(config), listener)


def _few_threads(app: FastAPI) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        # Of this event loop, which begins only when the server runs.
        current_default_thread_limiter().total_tokens = _THREADS
        await app(scope, receive, send)

    return answer
