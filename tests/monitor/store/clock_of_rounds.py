"""A clock that a test moves between two rounds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass
class RoundClock:
    """Stands still within a round."""

    at: datetime

    def now(self) -> datetime:
        return self.at
