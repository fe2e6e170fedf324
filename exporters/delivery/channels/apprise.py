"""Notifications to people's own services through Apprise: the one module that imports it, when first needed.

A URL is a secret. Apprise writes URLs into its log, so its log is taken away; of it only an HTTP status is read.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from monitor.errors import DeliveryError, DeliveryReason

SCHEMES = ()
"""None of its own: Apprise gets every URL that no other channel takes."""
_SECONDS = 30
"""After this a service that does not answer is given up for now."""
_ANSWER_SECONDS = 25.0
"""For a connection, and for an answer."""
_STATUS = re.compile(r"\berror\s*[=:]\s*(\d{3})\b")
_PASSING = (408, 425, 429)
_TYPES = {"critical": "failure", "warning": "warning", "over": "success"}


class _Statuses(logging.Handler):
    """Keeps the HTTP statuses that Apprise tells, and nothing else."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[int] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look for a status."""
        self.found += [int(status) for status in _STATUS.findall(record.getMessage())]


def accepts(address: str) -> bool:
    """Whether Apprise knows the service of a URL, and the URL is whole. Nothing is contacted."""
    return bool(_service().add(address))


def send(address: str, message: Mapping[str, Any]) -> None:
    """Send title and body to a URL, coloured by mood; DeliveryError if the service did not accept it."""
    service = _service()
    if not service.add(address):
        raise DeliveryError("its URL is none that Apprise knows", DeliveryReason.REFUSED)
    for receiver in service:
        _be_patient(receiver)
    statuses = _Statuses()
    log = logging.getLogger("apprise")
    log.addHandler(statuses)
    try:
        # What its plugins raise Apprise catches and logs, and answers False.
        accepted = service.notify(
            body=message["body"], title=message["title"], notify_type=_TYPES.get(message["mood"], "info"),
            body_format="text",
        )  # fmt: skip
    finally:
        log.removeHandler(statuses)
    if not accepted:
        raise _refusal(statuses.found[-1] if statuses.found else None)


def _be_patient(receiver: Any) -> None:
    """Apprise gives a service 4 s to connect and 4 s to answer unless the URL says otherwise (`cto`, `rto`).

    One that answers later has often taken the message all the same, and would be sent it again.
    """
    for wait in ("socket_connect_timeout", "socket_read_timeout"):
        if getattr(receiver, wait) == getattr(type(receiver), wait):
            setattr(receiver, wait, _ANSWER_SECONDS)


def _refusal(status: int | None) -> DeliveryError:
    if status is None:
        return DeliveryError("the service could not be reached, or did not take it", DeliveryReason.UNREACHABLE)
    lasting = 400 <= status < 500 and status not in _PASSING
    reason = DeliveryReason.REFUSED if lasting else DeliveryReason.UNREACHABLE
    return DeliveryError(f"the service answered with HTTP status {status}", reason)


def _service() -> Any:
    log = logging.getLogger("apprise")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    import apprise

    return apprise.Apprise(asset=apprise.AppriseAsset(service_timeout=_SECONDS))
