"""Bodies of requests, read no further than they may be, and whether a request comes from a page of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from monitor.errors import UsageError

MOST_BYTES = 8 * 1024
_MOST_FIELDS = 20


class TooLargeError(UsageError):
    """A body of more bytes than are taken."""


async def body_of(request: Request) -> bytes:
    """The body; TooLargeError as soon as it is too large, whatever its header says."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise TooLargeError(f"expected a body of at most {MOST_BYTES} bytes")
    return bytes(body)


def form_of(body: bytes) -> Mapping[str, str]:
    """The fields of a form; UsageError for what is none, or has a field twice."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise UsageError("the body is no form; expected application/x-www-form-urlencoded") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise UsageError("the form has a field twice")
    return fields


def object_of(body: bytes) -> Mapping[str, str]:
    """The strings of a JSON object; UsageError for anything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise UsageError("expected a JSON object of strings")
    return found


def is_own(request: Request) -> bool:
    """Whether a browser sent this from a page of ours: its Origin, which it always sends with a form, is our host."""
    origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
    site = request.headers.get("sec-fetch-site", "same-origin")
    return bool(host) and urlsplit(origin).netloc.lower() == host.lower() and site == "same-origin"
