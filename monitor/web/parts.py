"""The routes of parts: lists, the holds that wait, one part, and pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from exporters.pages.handover import handover_page
from exporters.pages.lists import holds_page, parts_page
from exporters.pages.lot import lot_page
from exporters.pages.part_style import PART_POLICY
from exporters.pages.passport import part_page
from monitor.errors import UsageError
from monitor.web.answers import READ, SAFE, check_format, error, html, top_of, wants_json

_FILTERS = ("verdict", "gate", "reason", "since", "after", "limit")


def _nothing(given: Mapping[str, str]) -> dict[str, object]:
    return {"decisions": [], "next": None}


def _no_holds() -> dict[str, object]:
    return {"holds": [], "overdue": 0}


def _no_handover(given: str) -> dict[str, object]:
    return {"since": "1970-01-01T00:00:00Z", "until": "1970-01-01T00:00:00Z", "shift": None,
            "opened": [], "closed": [], "stands": [],
            "parts": 0, "held": [], "dispositions": 0, "overridden": []}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PartViews:
    """What is shown of parts; each is called at a request, from several threads at once.

    `listed` is a page of decisions by the filters `verdict`, `gate`, `reason`, `since`, `after` and `limit` (UsageError
    for what cannot be), `holds` are the holds that wait. `picture_map` is a stored picture with the anomaly map of a
    gate's model over it as a PNG, by the arrival number of its row, its name and the gate, or None. `lot` is
    what is known of a lot, or None; `handover` what happened since a time given as text, UsageError for what is none.
    """

    listed: Callable[[Mapping[str, str]], dict[str, object]] = _nothing
    holds: Callable[[], dict[str, object]] = _no_holds
    handover: Callable[[str], dict[str, object]] = _no_handover
    lot: Callable[[str], dict[str, object] | None] = lambda name: None
    picture_map: Callable[[int, str, str], bytes | None] = lambda arrival, name, gate: None


def add_parts(
    app: FastAPI,
    views: PartViews,
    passport: Callable[[str], dict[str, object] | None],
    gates: Callable[[], Iterable[str]],
) -> None:
    """Add the routes of parts; `gates` are the names that can be chosen in a list."""

    @app.api_route("/parts", methods=READ)
    def search(request: Request) -> Response:
        # The form and the links use this route: a serial number such as '..' does not survive as a path.
        if serial := request.query_params.get("serial", ""):
            return part(request, serial)
        given = {name: request.query_params.get(name, "") for name in _FILTERS}
        try:
            check_format(request)
            found = views.listed(given)
        except UsageError as exc:
            return error(request, 400, "No such list", str(exc))
        if wants_json(request):
            return JSONResponse(found, headers=SAFE)
        return html(parts_page(found, given, gates(), top_of(request)), policy=PART_POLICY)

    @app.api_route("/holds", methods=READ)
    def holds(request: Request) -> Response:
        try:
            check_format(request)
        except UsageError as exc:
            return error(request, 400, "No such list", str(exc))
        found = views.holds()
        return (
            JSONResponse(found, headers=SAFE)
            if wants_json(request)
            else html(holds_page(found, top_of(request)), policy=PART_POLICY)
        )

    @app.api_route("/parts/{serial:path}", methods=READ)
    def part(request: Request, serial: str) -> Response:
        try:
            check_format(request)
        except UsageError as exc:
            return error(request, 400, "No such form of a part", str(exc))
        # The sources strip blanks around a serial number.
        history = next((known for text in (serial, serial.strip()) if text and (known := passport(text))), None)
        if history is None:
            sentence = f"Nothing is known about part {serial!r}; give the serial number as the MES has it."
            return error(request, 404, "No such part", sentence)
        if wants_json(request):
            return JSONResponse(history, headers=SAFE)
        return html(part_page(history, top_of(request)), policy=PART_POLICY)


def add_lots(app: FastAPI, lot: Callable[[str], dict[str, object] | None]) -> None:
    """Add the routes of lots."""

    def answer(request: Request, name: str) -> Response:
        try:
            check_format(request)
        except UsageError as exc:
            return error(request, 400, "No such form of a lot", str(exc))
        found = lot(name)
        if found is None:
            sentence = f"No newer part is of lot {name!r}; give the lot as the MES has it."
            return error(request, 404, "No such lot", sentence)
        if wants_json(request):
            return JSONResponse(found, headers=SAFE)
        return html(lot_page(found, top_of(request)), policy=PART_POLICY)

    @app.api_route("/lots", methods=READ)
    def by_query(request: Request) -> Response:
        return answer(request, request.query_params.get("name", ""))

    @app.api_route("/lots/{name:path}", methods=READ)
    def by_path(request: Request, name: str) -> Response:
        return answer(request, name)


def add_handover(app: FastAPI, found_since: Callable[[str], dict[str, object]]) -> None:
    """Add the route of a shift's handover."""

    @app.api_route("/handover", methods=READ)
    def handover(request: Request) -> Response:
        given = request.query_params.get("since", "")
        try:
            check_format(request)
            found = found_since(given)
        except UsageError as exc:
            return error(request, 400, "No such handover", str(exc))
        if wants_json(request):
            return JSONResponse(found, headers=SAFE)
        return html(handover_page(found, given, top_of(request)), policy=PART_POLICY)


def add_pictures(
    app: FastAPI, picture: Callable[[int, str], bytes | None], mapped: Callable[[int, str, str], bytes | None]
) -> None:
    """Add the route of stored pictures."""

    @app.api_route("/pictures", methods=READ)
    def pictures(request: Request) -> Response:
        arrival, name, gate = (request.query_params.get(key, "") for key in ("arrival", "name", "map"))
        found = None
        if re.fullmatch("[0-9]{1,18}", arrival) and "\0" not in name:
            found = mapped(int(arrival), name, gate) if gate else picture(int(arrival), name)
        if found is None:
            return error(request, 404, "No such picture", "There is no such picture, or it was deleted with its row.")
        return Response(found, headers={**SAFE, "Content-Type": "image/png"})
