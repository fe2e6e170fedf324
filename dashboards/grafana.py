"""A running Grafana, through grafana-api: the one module that knows that library. What goes wrong is a GrafanaError.

What it guards against: an answer that is no JSON (an empty 200, a log-in page) raises a decoding error in the library,
an error text that holds the word `message` a TypeError; `api` answers any attribute with a request, so a typo would be
sent; a redirect turns a POST into a GET. The token stands in no message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import requests
from grafana_api.grafana_api import GrafanaException
from grafana_api.grafana_face import GrafanaFace

from monitor.errors import GrafanaError, GrafanaReason, UsageError

_BY_STATUS = {
    401: (GrafanaReason.UNAUTHORISED, "does not accept the token; make one for a service account with the role Editor"),
    403: (GrafanaReason.FORBIDDEN, "does not let this token do that; its service account needs the role Editor"),
    412: (GrafanaReason.CHANGED, "has another version by now; look at it, then publish again, or use --force"),
}


@dataclass(frozen=True, slots=True)
class Existing:
    """A dashboard as Grafana has it: its number and version there, its folder, and whether a file provides it."""

    id: int
    version: int
    folder: str
    provisioned: bool


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a save: the version it made, and where the dashboard is to be seen."""

    version: int
    url: str


@dataclass(slots=True)
class Grafana:
    """One Grafana, asked as the service account of a token. Nothing is tried twice."""

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
        """Whether it works and has the data source that the panels name; its version."""
        health = self._object("GET", "/health")
        if health.get("database") != "ok":
            raise self._error(GrafanaReason.UNHEALTHY, f"says that its database is {health.get('database')!r}")
        try:
            found = self._object("GET", f"/datasources/uid/{quote(data_source, safe='')}")
        except GrafanaError as exc:
            if exc.reason is not GrafanaReason.NOT_FOUND:
                raise
            found = {}
        if found.get("type") != "prometheus":
            told = f"has no Prometheus data source with the uid {data_source!r}, which every panel names; provision it"
            raise self._error(GrafanaReason.NO_DATA_SOURCE, told)
        return str(health.get("version", "unknown"))

    def find(self, uid: str) -> Existing | None:
        """The dashboard of that uid, None where there is none."""
        try:
            found = self._object("GET", f"/dashboards/uid/{quote(uid, safe='')}")
        except GrafanaError as exc:
            if exc.reason is GrafanaReason.NOT_FOUND:
                return None
            raise
        try:
            board, meta = found["dashboard"], found["meta"]
            return Existing(
                int(board["id"]), int(board["version"]), str(meta.get("folderUid", "")), meta.get("provisioned") is True
            )
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise self._strange("a dashboard without id, version or meta") from exc

    def newest_message(self, uid: str) -> str:
        """What the newest version of a dashboard was saved with; '' where nothing was said."""
        found = self._ask("GET", f"/dashboards/uid/{quote(uid, safe='')}/versions?limit=1")
        # A list before Grafana 11, an object with the list since.
        versions = found.get("versions") if isinstance(found, Mapping) else found
        if not isinstance(versions, list) or not all(isinstance(version, Mapping) for version in versions):
            raise self._strange("no list of versions")
        newest: Mapping[str, Any] = max(versions, key=lambda version: version.get("version", 0), default={})
        return str(newest.get("message") or "")

    def save(self, board: Mapping[str, Any], folder: str, message: str, overwrite: bool) -> Saved:
        """Make a new version; refused where Grafana has another than `board` carries, unless `overwrite`."""
        body = {"dashboard": dict(board), "folderUid": folder, "message": message, "overwrite": overwrite}
        found = self._object("POST", "/dashboards/db", body)
        if found.get("status") != "success" or not isinstance(found.get("version"), int):
            raise self._strange("a save without status and version")
        return Saved(found["version"], str(found.get("url", "")))

    def _object(
        self, method: Literal["GET", "POST"], path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        found = self._ask(method, path, body)
        if not isinstance(found, dict):
            raise self._strange(f"{type(found).__name__} where an object was expected")
        return found

    def _ask(self, method: Literal["GET", "POST"], path: str, body: Mapping[str, Any] | None = None) -> Any:
        try:
            # By name and not by attribute: the library would turn any name into a request.
            return self._face.api.GET(path) if method == "GET" else self._face.api.POST(path, json=body)
        except requests.exceptions.JSONDecodeError as exc:
            raise self._strange("no JSON; is a log-in page or a proxy before it?") from exc
        except requests.Timeout as exc:
            raise self._error(GrafanaReason.TIMEOUT, f"did not answer within {self.timeout:g} s") from exc
        except requests.TooManyRedirects as exc:
            raise self._strange("a redirect; give the address it leads to") from exc
        except requests.RequestException as exc:
            raise self._error(GrafanaReason.UNREACHABLE, f"cannot be reached: {_cause(exc)}") from exc
        except GrafanaException as exc:
            raise self._refused(exc) from exc
        except TypeError as exc:
            raise self._strange("an error that is none of its own") from exc

    def _refused(self, exc: GrafanaException) -> GrafanaError:
        status, said = int(exc.status_code), exc.response
        message = str(said.get("message", "")) if isinstance(said, Mapping) else str(said).strip().partition("\n")[0]
        if "provisioned" in message.lower():
            return self._error(
                GrafanaReason.PROVISIONED, "provides this dashboard from a file; replace the file instead"
            )
        if status == 412 and isinstance(said, Mapping) and said.get("status") == "name-exists":
            return self._error(GrafanaReason.REFUSED, f"refused: {message}")
        if status in _BY_STATUS:
            return self._error(*_BY_STATUS[status])
        reason = GrafanaReason.UNHEALTHY if status >= 500 else GrafanaReason.REFUSED
        reason = GrafanaReason.NOT_FOUND if status == 404 else reason
        return self._error(reason, f"answered with {status}: {message[:200] or 'nothing'}")

    def _strange(self, what: str) -> GrafanaError:
        return self._error(GrafanaReason.NOT_GRAFANA, f"does not answer as Grafana does: {what}")

    def _error(self, reason: GrafanaReason, told: str) -> GrafanaError:
        return GrafanaError(f"grafana {self.url} {told}".replace(self.token, "***"), reason)


def _cause(exc: requests.RequestException) -> str:
    """The last words of what urllib3 says: the system's own."""
    inner = getattr(exc.args[0], "reason", exc) if exc.args else exc
    return str(inner).rpartition(": ")[2].strip("'\")( ") or type(exc).__name__
