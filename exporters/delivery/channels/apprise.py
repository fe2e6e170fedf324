"""Sends notifications through Apprise. No other module imports Apprise; this one does so on first use.

URLs are secret and Apprise logs them, so its log is suppressed; only HTTP statuses are read from it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from monitor.errors import DeliveryError, DeliveryReason

SCHEMES = ()
"""Empty: Apprise gets every URL that no other channel takes."""
_SERVICE_SECONDS = 30
"""The timeout of one attempt on a service."""
_CONNECTION_SECONDS = 25.0
"""The timeout for connecting, and for reading the response."""
_STATUS = re.compile(r"\berror\s*[=:]\s*(\d{3})\b")
_TRANSIENT = (408, 425, 429)
_TYPES = {"critical": "failure", "warning": "warning", "over": "success"}


class _Statuses(logging.Handler):
    """Collects the HTTP status codes in Apprise's log messages, and nothing else."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.codes: list[int] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Collect the codes in a message."""
        self.codes += [int(status) for status in _STATUS.findall(record.getMessage())]


def accepts(address: str) -> bool:
    """Whether Apprise supports a URL. Contacts nothing."""
    return bool(_service().add(address))


def send(address: str, message: Mapping[str, Any]) -> None:
    """Send title and body to a URL, with the type for its mood; DeliveryError if the service did not accept it."""
    service = _service()
    if not service.add(address):
        raise DeliveryError("Apprise does not support its URL", DeliveryReason.REFUSED)
    for plugin in service:
        _lengthen_timeouts(plugin)
    statuses = _Statuses()
    log = logging.getLogger("apprise")
    log.addHandler(statuses)
    try:
        # Apprise catches and logs what its plugins raise, and returns False.
        accepted = service.notify(
            body=message["body"], title=message["title"], notify_type=_TYPES.get(message["mood"], "info"),
            body_format="text",
        )  # fmt: skip
    finally:
        log.removeHandler(statuses)
    if not accepted:
        raise _refusal(statuses.codes[-1] if statuses.codes else None)


def _lengthen_timeouts(plugin: Any) -> None:
    """Replace Apprise's default timeouts (4 s to connect, 4 s to read) unless the URL sets them (`cto`, `rto`).

    A service that responds later has often accepted the message, and would get it twice.
    """
    for timeout in ("socket_connect_timeout", "socket_read_timeout"):
        if getattr(plugin, timeout) == getattr(type(plugin), timeout):
            setattr(plugin, timeout, _CONNECTION_SECONDS)


def _refusal(status: int | None) -> DeliveryError:
    if status is None:
        return DeliveryError(
            "the service could not be reached or did not accept the message", DeliveryReason.UNREACHABLE
        )
    permanent = 400 <= status < 500 and status not in _TRANSIENT
    reason = DeliveryReason.REFUSED if permanent else DeliveryReason.UNREACHABLE
    return DeliveryError(f"the service answered with HTTP status {status}", reason)


def _service() -> Any:
    log = logging.getLogger("apprise")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    import apprise

    return apprise.Apprise(asset=apprise.AppriseAsset(service_timeout=_SERVICE_SECONDS))
