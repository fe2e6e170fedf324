"""The routes by which people answer alerts: the page of alarms with its forms, and the API for programs."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from alerting.handling.actions import Action, Person, RefusedError, Via, Wish
from alerting.handling.audit import Entry
from alerting.handling.people import Known, People
from exporters.pages.alarms.page import Alarms, LoggedIn, alarms_page
from exporters.pages.part_style import PART_POLICY
from monitor.errors import UsageError
from monitor.web.answers import READ, SAFE, error, html, top_of, wants_json
from monitor.web.bodies import TooLargeError, body_of, form_of, is_own, object_of
from monitor.web.sessions import Session, Sessions

_COOKIE = "gatewatch_session"
_REQUEST = re.compile(r"[0-9A-Za-z_-]{16,64}")
_HOURS = re.compile(r"[0-9]{1,4}")


def _nobody() -> People:
    return People({})


def _refuse(wish: Wish, person: Person, request: str) -> Entry:
    raise RefusedError("this server takes no actions")


@dataclass(frozen=True, slots=True)
class PeopleViews:
    """What people can see and do. `people` is None where the plant file names no file of people.

    `handle` does what a person wishes, under the id of the request, and returns its entry in the record.
    """

    alarms: Callable[[], Alarms] = Alarms
    people: Callable[[], People | None] = _nobody
    handle: Callable[[Wish, Person, str], Entry] = _refuse
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    secure: bool = False


def add_people(app: FastAPI, views: PeopleViews) -> None:
    """Add the routes. Forms need a session, its key, and a browser on a page of ours; the API needs a token."""
    sessions = Sessions(lambda: views.people() or _nobody(), views.now)
    _add_page(app, views, sessions)
    _add_session(app, views, sessions)
    _add_actions(app, views, sessions)
    _add_api(app, views)


def _add_page(app: FastAPI, views: PeopleViews, sessions: Sessions) -> None:
    @app.api_route("/alarms", methods=READ)
    def alarms(request: Request) -> Response:
        found = views.alarms()
        if wants_json(request):
            return JSONResponse(found.as_json(), headers=SAFE)
        session = _session(request, sessions)
        shown = None if session is None else LoggedIn(session.person.name, session.person.role, session.key)
        can_log_in = views.people() is not None
        page = alarms_page(found, shown, can_log_in, lambda: secrets.token_urlsafe(16), top_of(request))
        return html(page, policy=PART_POLICY)


def _add_session(app: FastAPI, views: PeopleViews, sessions: Sessions) -> None:
    @app.post("/alarms/log-in")
    async def log_in(request: Request) -> Response:
        fields = await _fields(request)
        if isinstance(fields, Response):
            return fields
        number = await run_in_threadpool(sessions.log_in, fields.get("token", "").strip())
        if number is None:
            sentence = (
                "This token is nobody's, or there were too many wrong ones within a minute; ask an admin for one."
            )
            return await _error(request, 403, "Not logged in", sentence)
        answer = _back()
        answer.set_cookie(_COOKIE, number, httponly=True, samesite="strict", secure=views.secure, path="/alarms")
        return answer

    @app.post("/alarms/log-out")
    async def log_out(request: Request) -> Response:
        fields = await _fields(request)
        if isinstance(fields, Response):
            return fields
        session = await run_in_threadpool(_session, request, sessions)
        if session is not None and session.sent_by(fields.get("key", "")):
            sessions.log_out(request.cookies.get(_COOKIE, ""))
        answer = _back()
        answer.delete_cookie(_COOKIE, path="/alarms")
        return answer


def _add_actions(app: FastAPI, views: PeopleViews, sessions: Sessions) -> None:
    @app.post("/alarms/act")
    async def act(request: Request) -> Response:
        fields = await _fields(request)
        if isinstance(fields, Response):
            return fields
        session = await run_in_threadpool(_session, request, sessions)
        if session is None or not session.sent_by(fields.get("key", "")):
            sentence = "You are not logged in, or this form is of an earlier log-in; load the page of alarms again."
            return await _error(request, 403, "Not logged in", sentence)
        try:
            await run_in_threadpool(_do, views, fields, session.person, Via.PAGE, fields.get("request", ""))
        except UsageError as exc:
            return await _error(request, _status(exc), "Not done", str(exc))
        return _back()


def _add_api(app: FastAPI, views: PeopleViews) -> None:
    @app.post("/api/alerts/act")
    async def act(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return JSONResponse({"error": "expected Content-Type application/json"}, 415, SAFE)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        people = await run_in_threadpool(views.people) or _nobody()
        person = people.find(token.strip()) if scheme == "Bearer" else None
        if person is None:
            sentence = "expected the bearer token of a person in server.people_file"
            return JSONResponse({"error": sentence}, 401, {**SAFE, "WWW-Authenticate": "Bearer"})
        number = request.headers.get("idempotency-key", "")
        try:
            wanted = object_of(await body_of(request))
            entry = await run_in_threadpool(_do, views, wanted, person, Via.API, number)
        except UsageError as exc:
            return JSONResponse({"error": str(exc)}, _status(exc), SAFE)
        return JSONResponse({"entry": entry.id, "digest": entry.digest}, headers=SAFE)


def _do(views: PeopleViews, given: Mapping[str, str], person: Known, via: Via, request: str) -> Entry:
    if not _REQUEST.fullmatch(request):
        what = "the header Idempotency-Key" if via is Via.API else "the field request"
        raise UsageError(f"{what}: expected 16 to 64 letters, digits, - or _, new for each request")
    return views.handle(_wish(given, views.now()), Person(person.name, person.role, via), request)


def _wish(given: Mapping[str, str], now: datetime) -> Wish:
    """What is wanted; UsageError where it cannot be told."""
    action, hours = given.get("action", ""), given.get("hours", "")
    if action not in list(Action):
        raise UsageError(f"action: expected one of {', '.join(Action)}")
    if hours and not _HOURS.fullmatch(hours):
        raise UsageError("hours: expected a whole number of hours")
    until = now + timedelta(hours=int(hours)) if hours and action == Action.SHELVE else None
    return Wish(Action(action), given.get("name", ""), given.get("subject", ""), given.get("note", ""), until)


def _status(exc: UsageError) -> int:
    if isinstance(exc, TooLargeError):
        return 413
    if isinstance(exc, RefusedError):
        return 409 if exc.conflict else 403 if exc.forbidden else 400
    return 400


async def _fields(request: Request) -> Mapping[str, str] | Response:
    """The fields of a form that a browser sent from a page of ours; else why they are not taken."""
    if not is_own(request):
        return await _error(request, 403, "Not done", "This form did not come from a page of this server.")
    try:
        return form_of(await body_of(request))
    except UsageError as exc:
        return await _error(request, _status(exc), "Not done", str(exc))


async def _error(request: Request, status: int, title: str, sentence: str) -> Response:
    return await run_in_threadpool(error, request, status, title, sentence)


def _session(request: Request, sessions: Sessions) -> Session | None:
    return sessions.find(request.cookies.get(_COOKIE, ""))


def _back() -> Response:
    return RedirectResponse("/alarms", 303, SAFE)
