"""A client of a running Grafana, and the only module that uses grafana-api. Every failure is a GrafanaError.

It guards against the library's pitfalls: a response that is not JSON (an empty 200, a log-in page) raises a decoding
error, an error text with the word `message` a TypeError; `api` sends any attribute name as a request, so a typo would
be sent; a redirect turns a POST into a GET. No message contains the token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import requests
from grafana_api.grafana_api import GrafanaException
from grafana_api.grafana_face import GrafanaFace

from monitor.errors import GrafanaError, GrafanaReason, UsageError

OLDEST = 11
"""The oldest Grafana that shows the dashboards as they are meant."""
_UNSEEN = "unseen"
_BY_STATUS = {
    401: (GrafanaReason.UNAUTHORISED, "does not accept the token; create one of a service account with role Editor"),
    403: (GrafanaReason.FORBIDDEN, "denies this to the token; its service account needs role Editor"),
    412: (GrafanaReason.CHANGED, "has another version by now; review it, then publish again, or use --force"),
}


@dataclass(frozen=True, slots=True)
class Existing:
    """A dashboard in Grafana: id, version, folder, and whether it is provisioned from a file."""

    id: int
    version: int
    folder: str
    provisioned: bool


@dataclass(frozen=True, slots=True)
class Saved:
    """The result of a save: the new version, and the URL of the dashboard."""

    version: int
    url: str


@dataclass(slots=True)
class Grafana:
    """A Grafana, used with the token of a service account. Nothing is retried."""

    url: str
    token: str = field(repr=False)
    timeout: float = 10.0
    _face: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise UsageError(
                "--url: expected the address of Grafana, such as https://grafana.example/ or http://host:3000"
            )
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        path = parts.path.strip("/")
        prefix = f"{path}/" if path else ""
        self.url = f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}/{prefix}"
        self._face = GrafanaFace(
            self.token, host=host, port=parts.port, url_path_prefix=prefix, protocol=parts.scheme, timeout=self.timeout
        )
        self._face.api.s.max_redirects = 0

    def check(self, data_source: str) -> str:
        """Check that it is healthy, new enough and has the data source of the panels; return its version."""
        health = self._object("GET", "/health")
        if health.get("database") != "ok":
            raise self._error(GrafanaReason.UNHEALTHY, f"says that its database is {health.get('database')!r}")
        version = str(health.get("version", "unknown"))
        major = version.partition(".")[0]
        if major.isdigit() and int(major) < OLDEST:
            raise self._error(GrafanaReason.REFUSED, f"is version {version}; the dashboards need {OLDEST} or later")
        if self._type_of(quote(data_source, safe="")) not in ("prometheus", _UNSEEN):
            text = f"has no Prometheus data source with the uid {data_source!r}, which every panel uses; provision it"
            raise self._error(GrafanaReason.NO_DATA_SOURCE, text)
        return version

    def _type_of(self, data_source: str) -> str:
        """The type of a data source; '' if there is none, `_UNSEEN` if the token may use but not read it, as an Editor.

        Whether there is one is then asked by its health: an answer that it is ill is an answer.
        """
        path = f"/datasources/uid/{data_source}"
        answer, refused = self._try(path)
        if refused is GrafanaReason.FORBIDDEN:
            answer, refused = self._try(f"{path}/health", GrafanaReason.REFUSED, GrafanaReason.UNHEALTHY)
            return "" if refused is GrafanaReason.NOT_FOUND else _UNSEEN
        return str(answer.get("type", "")) if isinstance(answer, Mapping) else ""

    def _try(self, path: str, *also: GrafanaReason) -> tuple[Any, GrafanaReason | None]:
        """The answer, or why there is none: nothing is there, the token may not, or one of `also`."""
        try:
            return self._ask("GET", path), None
        except GrafanaError as exc:
            if exc.reason not in (GrafanaReason.NOT_FOUND, GrafanaReason.FORBIDDEN, *also):
                raise
            return None, exc.reason

    def find(self, uid: str) -> Existing | None:
        """The dashboard with that uid, or None."""
        try:
            answer = self._object("GET", f"/dashboards/uid/{quote(uid, safe='')}")
        except GrafanaError as exc:
            if exc.reason is GrafanaReason.NOT_FOUND:
                return None
            raise
        try:
            board, meta = answer["dashboard"], answer["meta"]
            return Existing(
                int(board["id"]), int(board["version"]), str(meta.get("folderUid", "")), meta.get("provisioned") is True
            )
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise self._not_grafana("a dashboard without id, version or meta") from exc

    def newest_message(self, uid: str) -> str:
        """The message of a dashboard's newest version; '' if it has none."""
        answer = self._ask("GET", f"/dashboards/uid/{quote(uid, safe='')}/versions?limit=1")
        # A list before Grafana 11, an object with the list since.
        versions = answer.get("versions") if isinstance(answer, Mapping) else answer
        if not isinstance(versions, list) or not all(isinstance(version, Mapping) for version in versions):
            raise self._not_grafana("no list of versions")
        newest: Mapping[str, Any] = max(versions, key=lambda version: version.get("version", 0), default={})
        return str(newest.get("message") or "")

    def save(self, board: Mapping[str, Any], folder: str, message: str, overwrite: bool) -> Saved:
        """Save a new version; refused if Grafana has another version than `board`, unless `overwrite`."""
        body = {"dashboard": dict(board), "folderUid": folder, "message": message, "overwrite": overwrite}
        answer = self._object("POST", "/dashboards/db", body)
        if answer.get("status") != "success" or not isinstance(answer.get("version"), int):
            raise self._not_grafana("a save without status and version")
        return Saved(answer["version"], str(answer.get("url", "")))

    def marked(self, tags: Sequence[str], start: datetime, end: datetime, most: int) -> list[Sequence[str]]:
        """The tags of each annotation that has all of these tags and lies in a period; at most so many."""
        asked = "&".join(f"tags={quote(tag, safe='')}" for tag in tags)
        period = f"from={_milliseconds(start)}&to={_milliseconds(end)}"
        answer = self._ask("GET", f"/annotations?type=annotation&limit={most}&{period}&{asked}")
        if not isinstance(answer, list) or not all(isinstance(one, Mapping) for one in answer):
            raise self._not_grafana("no list of annotations")
        return [[str(tag) for tag in one.get("tags") or ()] for one in answer]

    def mark(self, text: str, tags: Sequence[str], start: datetime, end: datetime | None) -> None:
        """Add an annotation that belongs to no dashboard, at an instant or up to `end`; whether there is one or not."""
        body: dict[str, Any] = {"text": text, "tags": list(tags), "time": _milliseconds(start)}
        if end is not None:
            body["timeEnd"] = _milliseconds(end)
        if not isinstance(self._object("POST", "/annotations", body).get("id"), int):
            raise self._not_grafana("an annotation without an id")

    def _object(
        self, method: Literal["GET", "POST"], path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        answer = self._ask(method, path, body)
        if not isinstance(answer, dict):
            raise self._not_grafana(f"{type(answer).__name__} where an object was expected")
        return answer

    def _ask(self, method: Literal["GET", "POST"], path: str, body: Mapping[str, Any] | None = None) -> Any:
        try:
            # Two explicit names: the library would turn any attribute into a request.
            return self._face.api.GET(path) if method == "GET" else self._face.api.POST(path, json=body)
        except requests.exceptions.JSONDecodeError as exc:
            raise self._not_grafana("not JSON; is there a log-in page or a proxy in front of it?") from exc
        except requests.Timeout as exc:
            raise self._error(GrafanaReason.TIMEOUT, f"did not answer within {self.timeout:g} s") from exc
        except requests.TooManyRedirects as exc:
            raise self._not_grafana("a redirect; use the address it leads to") from exc
        except requests.RequestException as exc:
            raise self._error(GrafanaReason.UNREACHABLE, f"cannot be reached: {_cause(exc)}") from exc
        except GrafanaException as exc:
            raise self._refused(exc) from exc
        except TypeError as exc:
            raise self._not_grafana("an error in an unknown format") from exc

    def _refused(self, exc: GrafanaException) -> GrafanaError:
        status, body = int(exc.status_code), exc.response
        message = str(body.get("message", "")) if isinstance(body, Mapping) else str(body).strip().partition("\n")[0]
        if "provisioned" in message.lower():
            return self._error(
                GrafanaReason.PROVISIONED, "provides this dashboard from a file; replace the file instead"
            )
        if status == 412 and isinstance(body, Mapping) and body.get("status") == "name-exists":
            return self._error(GrafanaReason.REFUSED, f"refused: {message}")
        if status in _BY_STATUS:
            return self._error(*_BY_STATUS[status])
        reason = GrafanaReason.UNHEALTHY if status >= 500 else GrafanaReason.REFUSED
        reason = GrafanaReason.NOT_FOUND if status == 404 else reason
        return self._error(reason, f"answered with {status}: {message[:200] or 'nothing'}")

    def _not_grafana(self, what: str) -> GrafanaError:
        return self._error(GrafanaReason.NOT_GRAFANA, f"does not answer as Grafana does: {what}")

    def _error(self, reason: GrafanaReason, text: str) -> GrafanaError:
        return GrafanaError(f"grafana {self.url} {text}".replace(self.token, "***"), reason)


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _cause(exc: requests.RequestException) -> str:
    """The operating system's message, at the end of urllib3's."""
    inner = getattr(exc.args[0], "reason", exc) if exc.args else exc
    return str(inner).rpartition(": ")[2].strip("'\")( ") or type(exc).__name__
