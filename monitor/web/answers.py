"""How the server answers: pages, JSON and errors, with the headers that each of them has."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from exporters.html.html import CONTENT_SECURITY_POLICY
from exporters.pages.parts import REFRESH_SECONDS, Top, problem_page
from monitor.errors import UsageError

READ = ["GET", "HEAD"]
FORMATS = ("html", "json")
SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


def wants_json(request: Request) -> bool:
    """Whether JSON is asked for, by the query or else by the header."""
    format_ = request.query_params.get("format")
    accept = request.headers.get("accept", "")
    return format_ == "json" or (format_ is None and "application/json" in accept and "text/html" not in accept)


def check_format(request: Request) -> None:
    """UsageError for a format that a page does not have."""
    format_ = request.query_params.get("format")
    if format_ not in (None, *FORMATS):
        raise UsageError(f"format {format_!r}: expected one of {', '.join(FORMATS)}")


def error(request: Request, status: int, title: str, sentence: str) -> Response:
    """A sentence, as it is asked for: a page, JSON, or plain text."""
    if wants_json(request):
        return JSONResponse({"error": sentence}, status, SAFE)
    if "text/html" in request.headers.get("accept", ""):
        # What is not available now may be later, and nobody is at the screen of a hall to load it again.
        return html(problem_page(title, sentence, top_of(request), REFRESH_SECONDS if status == 503 else 0), status)
    text = f"{sentence}\n".encode("utf-8", "replace")
    return Response(text, status, {**SAFE, "Content-Type": "text/plain; charset=utf-8"})


def top_of(request: Request) -> Top:
    """What the page of this request begins with: the plant as it is now."""
    top: Top = request.app.state.top()
    return top


def html(text: str, status: int = 200, policy: str = CONTENT_SECURITY_POLICY) -> Response:
    """A page, with the policy that its stylesheet needs."""
    return HTMLResponse(text, status, {**SAFE, "Content-Security-Policy": policy})
