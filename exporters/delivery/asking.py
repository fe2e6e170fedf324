"""Asks a server over HTTP for text: no redirects, no proxies, and one sentence for whatever goes wrong."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import Any

from monitor.errors import MonitorError

_SECONDS = 5.0
_MOST_BYTES = 32 * 1024 * 1024


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Leads nowhere: what is asked for must be there."""


_OPENER = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({}))


def open_url(url: str, method: str = "GET", json: bytes | None = None) -> str:
    """The text at a URL; MonitorError for any answer but 200. `json` is sent as the body."""
    headers = {} if json is None else {"Content-Type": "application/json"}
    try:
        request = urllib.request.Request(url, json, headers, method=method)  # noqa: S310 - opened as of a plant file
        with _OPENER.open(request, timeout=_SECONDS) as answer:
            content: bytes = answer.read(_MOST_BYTES)
    except urllib.error.HTTPError as exc:
        raise MonitorError(f"{url} answered with {exc.code}") from None
    except (OSError, ValueError, http.client.HTTPException) as exc:
        raise MonitorError(f"{url} cannot be reached ({getattr(exc, 'reason', None) or exc})") from None
    return content.decode("utf-8", "replace")
