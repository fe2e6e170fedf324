"""Sends notifications through Apprise. No other module imports Apprise; this one does so on first use.

URLs are secret and Apprise logs them, so its log is suppressed; only HTTP statuses are read from it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from exporters.delivery.shared.shorten import shortened
from monitor.errors import DeliveryError, DeliveryReason

SCHEMES = ()
"""Empty: Apprise gets every URL that no other channel takes."""
_SERVICE_SECONDS = 30
"""The timeout of one attempt on a service."""
_CONNECTION_SECONDS = 25.0
"""The timeout for connecting, and for reading the response."""
_STATUS = re.compile(r"\berror\s*[=:]\s*(\d{3})\b")
_RESERVED = 40
"""What Apprise may put around a title that counts as part of the body."""
_TRANSIENT = (408, 425, 429)
_TYPES = {"critical": "failure", "warning": "warning", "over": "success"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a service takes, by Apprise, as text in the form that it is sent in."""

    title: int
    body: int
    together: bool
    """Whether the title counts as part of the body."""
    lines: int
    form: Callable[[str], str]

    @classmethod
    def of(cls, plugin: Any) -> Limits:
        """The limits of the service behind a URL."""
        from apprise import NotifyFormat
        from apprise.conversion import convert_between

        target = plugin.resolve_format(NotifyFormat.TEXT)

        def form(text: str) -> str:
            return str(plugin.dialect_convert(convert_between(NotifyFormat.TEXT, target, text), target))

        together = plugin.title_maxlen <= 0 or plugin.overflow_amalgamate_title
        return cls(plugin.title_maxlen, plugin.body_maxlen, together, plugin.body_max_line_count, form)

    def fits(self, title: str, body: str) -> bool:
        """Whether the service takes it. Counted in bytes, the strictest way in which services count."""
        sent = self.form(f"{title}\r\n{body}" if self.title <= 0 else body)
        size = (
            _size(sent)
            + (_RESERVED if self.together else 0)
            + (_size(title) if self.together and self.title > 0 else 0)
        )
        title_fits = self.title <= 0 or _size(title) <= self.title
        return title_fits and size <= self.body and (self.lines <= 0 or sent.count("\n") < self.lines)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


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
    """Send title and body to a URL, with the type for its mood; DeliveryError if the service did not accept it.

    What is more than the service takes is left out as the message's `pieces`, `tail` and `more` say.
    """
    service = _service()
    if not service.add(address):
        raise DeliveryError("Apprise does not support its URL", DeliveryReason.REFUSED)
    from apprise import OverflowMode

    title, body = message["title"], message["body"]
    for plugin in service:
        _lengthen_timeouts(plugin)
        # Whoever answers there could send what is meant for the team anywhere; also if the URL says redirect=yes.
        plugin.redirects = False
        plugin.overflow_mode = OverflowMode.UPSTREAM  # it is cut here, by what matters
        title, body = shortened(message, Limits.of(plugin).fits)
    statuses = _Statuses()
    log = logging.getLogger("apprise")
    log.addHandler(statuses)
    try:
        # Apprise catches and logs what its plugins raise, and returns False.
        accepted = service.notify(
            body=body, title=title, notify_type=_TYPES.get(message["mood"], "info"),
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
    if 300 <= status < 400:
        sentence = (
            f"the service redirects (HTTP status {status}), which is not followed; give its URL the final address"
        )
        return DeliveryError(sentence, DeliveryReason.REFUSED)
    permanent = 400 <= status < 500 and status not in _TRANSIENT
    reason = DeliveryReason.REFUSED if permanent else DeliveryReason.UNREACHABLE
    return DeliveryError(f"the service answered with HTTP status {status}", reason)


def _service() -> Any:
    log = logging.getLogger("apprise")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    import apprise

    return apprise.Apprise(asset=apprise.AppriseAsset(service_timeout=_SERVICE_SECONDS, http_redirects=False))
