"""Every error Gatewatch raises on purpose.

MonitorError                    one clear sentence; exit code 3
├── UsageError                  a wrong option, name or file; exit code 2
│   └── PlantFileError          every problem of a plant file at once
├── SourceError(reason)         a source could not be read
├── StoreError(reason)          the store could not be opened, read or written
│   └── FencedError             another process holds the lease: this write was refused
├── ShutdownError               the process is shutting down: the current work was abandoned
├── ModelError(reason)          a model could not be trained, loaded or verified
├── DeliveryError(reason)       the MES or a receiver of notifications refused or could not be reached
├── LakeError                   a table of the lake could not be read or written
└── GrafanaError(reason)        a dashboard did not reach Grafana

A message says what, which one, what was expected and what to do; never a secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class SourceReason(StrEnum):
    """Why a source could not be read; also the `reason` label of its failure metric."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    MISSING_TABLE = "missing_table"
    MISSING_COLUMN = "missing_column"
    LOCKED = "locked"
    REFUSED = "refused"


class StoreReason(StrEnum):
    """Why the store could not be used."""

    UNREACHABLE = "unreachable"
    LOCKED = "locked"
    FULL = "full"
    NOT_UPGRADED = "not_upgraded"
    CORRUPT = "corrupt"
    REFUSED = "refused"
    FENCED = "fenced"


class ModelReason(StrEnum):
    """Why a model could not be trained, loaded or verified."""

    NOT_FOUND = "not_found"
    CORRUPT = "corrupt"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    TOO_FEW_ROWS = "too_few_rows"
    MISMATCH = "mismatch"


class DeliveryReason(StrEnum):
    """Why a recommendation or a notification did not arrive."""

    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    MISSING_KEY = "missing_key"


class GrafanaReason(StrEnum):
    """Why a dashboard did not reach Grafana."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    UNHEALTHY = "unhealthy"
    NOT_GRAFANA = "not_grafana"
    UNAUTHORISED = "unauthorised"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    NO_DATA_SOURCE = "no_data_source"
    PROVISIONED = "provisioned"
    CHANGED = "changed"
    REFUSED = "refused"


class MonitorError(Exception):
    """Anything Gatewatch reports as one sentence instead of a traceback."""

    exit_code = 3


class UsageError(MonitorError):
    """A wrong option, name or file; nothing was done."""

    exit_code = 2


class PlantFileError(UsageError):
    """A plant file with one or more problems, each a line of `problems`."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class SourceError(MonitorError):
    """A source could not be read; its cursor has not moved."""

    def __init__(self, message: str, reason: SourceReason) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def retryable(self) -> bool:
        """Whether the next slot may succeed without anyone changing anything."""
        return self.reason in (SourceReason.UNREACHABLE, SourceReason.TIMEOUT, SourceReason.LOCKED)


class StoreError(MonitorError):
    """The store could not be opened, read or written; the batch was rolled back."""

    def __init__(self, message: str, reason: StoreReason) -> None:
        super().__init__(message)
        self.reason = reason


class FencedError(StoreError):
    """Another process took over the lease; this write was refused."""

    def __init__(self, message: str) -> None:
        super().__init__(message, StoreReason.FENCED)


class ShutdownError(MonitorError):
    """The process is shutting down and the current work was abandoned; its slot is run at the next start."""


class ModelError(MonitorError):
    """A model could not be trained, loaded or verified; the version in force stays."""

    def __init__(self, message: str, reason: ModelReason) -> None:
        super().__init__(message)
        self.reason = reason


class DeliveryError(MonitorError):
    """A recommendation or a notification did not arrive; it stays in the outbox."""

    def __init__(self, message: str, reason: DeliveryReason) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def retryable(self) -> bool:
        """Whether a retry may succeed without anyone changing anything."""
        return self.reason is DeliveryReason.UNREACHABLE


class GrafanaError(MonitorError):
    """A dashboard did not reach Grafana, where nothing was changed."""

    def __init__(self, message: str, reason: GrafanaReason) -> None:
        super().__init__(message)
        self.reason = reason


class LakeError(MonitorError):
    """A table of the lake could not be read or written; what was to go there waits in the store."""
