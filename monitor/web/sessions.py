"""Who is logged in: sessions in memory, each with a key that its forms must send. A restart ends them all."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerting.handling.people import Known, People

LASTS = timedelta(hours=12)
MOST = 1000
TRIES = 10
"""Failed log-ins a minute, of everybody together; tokens are long, so this only keeps the log short."""


@dataclass(frozen=True, slots=True)
class Session:
    """A person who is logged in until then; `key` is what its forms send (a synchroniser token)."""

    person: Known
    key: str
    until: datetime

    def sent_by(self, key: str) -> bool:
        """Whether a form is one of this session."""
        return hmac.compare_digest(self.key.encode(), key.encode("utf-8", "surrogateescape"))


@dataclass(slots=True)
class Sessions:
    """The sessions of a server, for several threads; `people` is read at every use: a removed line ends a session."""

    people: Callable[[], People]
    now: Callable[[], datetime]
    _open: dict[str, Session] = field(default_factory=dict)
    _failed: list[datetime] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def log_in(self, token: str) -> str | None:
        """The id of a new session; None for nobody's token, or after too many of them."""
        now, person = self.now(), self.people().find(token)
        with self._lock:
            self._failed = [at for at in self._failed if timedelta(0) <= now - at < timedelta(minutes=1)]
            if len(self._failed) >= TRIES:
                return None
            if person is None:
                self._failed.append(now)
                return None
            self._open = {key: s for key, s in self._open.items() if s.until > now}
            if len(self._open) >= MOST:
                del self._open[min(self._open, key=lambda key: self._open[key].until)]
            number = secrets.token_urlsafe(32)
            self._open[number] = Session(person, secrets.token_urlsafe(32), now + LASTS)
        return number

    def find(self, number: str) -> Session | None:
        """The session of an id, while it lasts and its person still has this role."""
        with self._lock:
            session = self._open.get(number)
        if session is None or session.until <= self.now():
            return None
        return session if session.person in self.people().by_digest.values() else None

    def log_out(self, number: str) -> None:
        """End a session."""
        with self._lock:
            self._open.pop(number, None)
