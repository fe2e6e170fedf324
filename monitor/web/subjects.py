"""The routes of what alerts are about: machines, steps, gates, sources; and of the runbooks."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from alerting.alerts.runbooks import runbooks
from exporters.metrics.shared.metric import Bounds
from exporters.metrics.shared.snapshot import MetricsSnapshot
from exporters.pages.part_style import PART_POLICY
from exporters.pages.parts import top_at
from exporters.pages.subjects.page import subject_page
from exporters.pages.subjects.runbook import runbook_page, runbooks_page
from monitor.web.answers import READ, error, html, top_of


def add_subjects(app: FastAPI, snapshot: Callable[[], MetricsSnapshot], bounds: Callable[[], Bounds]) -> None:
    """Add the routes; a name that the plant does not have is 404."""

    @app.api_route("/subjects/{name:path}", methods=READ)
    def subject(request: Request, name: str) -> Response:
        seen, of_plant = snapshot(), bounds()
        page = subject_page(name, seen, of_plant, top_at(seen, of_plant))
        if page is None:
            sentence = (
                f"The plant has no machine, step, gate or source {name!r}, and no alert of the last day is about it."
            )
            return error(request, 404, "No such subject", sentence)
        return html(page, policy=PART_POLICY)

    @app.api_route("/runbooks/", methods=READ)
    def listing(request: Request) -> Response:
        return html(runbooks_page(list(runbooks()), top_of(request)))

    @app.api_route("/runbooks/{name:path}", methods=READ)
    def runbook(request: Request, name: str) -> Response:
        known = runbooks()
        if name not in known:
            sentence = f"There is no runbook {name!r}; a runbook has the name of its alert, and /runbooks/ lists all."
            return error(request, 404, "No such runbook", sentence)
        seen = snapshot()
        return html(runbook_page(name, known[name], known, seen, top_at(seen, bounds())))
