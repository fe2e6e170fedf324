"""What every part of the stub uses: refusals, routes by MLflow's own protocol definitions, JSON in both directions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from mlflow.utils.proto_json_utils import message_to_json
from mlflow.utils.rest_utils import extract_api_info_for_service


class Refused(Exception):  # noqa: N818 - an answer
    """An answer that is an error: its HTTP status, Databricks' code and a message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def unknown(what: str) -> Refused:
    return Refused(404, "RESOURCE_DOES_NOT_EXIST", f"{what} does not exist.")


def invalid(message: str) -> Refused:
    return Refused(400, "INVALID_PARAMETER_VALUE", message)


@dataclass(frozen=True)
class Asked:
    """A request: method, path, headers in small letters, query and body."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body) if self.body else {}


@dataclass(frozen=True)
class Answer:
    """A response of status 200 unless said otherwise."""

    body: bytes = b"{}"
    kind: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Asked], Answer]


def of_service(service: Any, handlers: Mapping[type, Callable[[Any], Any]]) -> dict[tuple[str, str], Handler]:
    """By method and path a handler: it gets and returns messages as MLflow defines them; others are refused."""
    info = extract_api_info_for_service(service, "/api/2.0")
    routes: dict[tuple[str, str], Handler] = {}
    for message, handle in handlers.items():
        path, method = info[message]
        routes[method, path] = _translating(message, handle)
    return routes


def _translating(message: type, handle: Callable[[Any], Any]) -> Handler:
    def answer(asked: Asked) -> Answer:
        try:
            request = ParseDict(dict(asked.query) if asked.method == "GET" else asked.json(), message())
        except ParseError as exc:
            raise Refused(400, "BAD_REQUEST", str(exc)) from exc
        return Answer(message_to_json(handle(request)).encode())

    return answer
