"""What went wrong in MLflow, Databricks or a database below them, as a ModelError with one sentence and a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from inference.tracking.opening import mlflow_library
from monitor.errors import ModelError, ModelReason

_REASONS = {
    "RESOURCE_DOES_NOT_EXIST": ModelReason.NOT_FOUND,
    "NOT_FOUND": ModelReason.NOT_FOUND,
    "INVALID_PARAMETER_VALUE": ModelReason.MISMATCH,
    "PERMISSION_DENIED": ModelReason.REFUSED,
    "UNAUTHENTICATED": ModelReason.REFUSED,
    "CUSTOMER_UNAUTHORIZED": ModelReason.REFUSED,
}
_UNKNOWN = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND", "REGISTERED_MODEL_DOES_NOT_EXIST")
_UPLOAD = re.compile(r"\b(PermissionDenied|Unauthenticated)\(")
"""How MLflow shows refusals of the Files API among the failures of an upload."""
_NO_CREDENTIALS = "Reading Databricks credential configuration failed"
_HELP = {ModelReason.REFUSED: "; check the credentials and what they may do there"}


@contextmanager
def as_model_errors(what: str, uris: Sequence[str]) -> Iterator[None]:
    """Turn exceptions of MLflow and the libraries below it into a ModelError that says what was attempted.

    UNREACHABLE where a retry can help. Passwords in `uris` are not shown.
    """
    failure = mlflow_library().exceptions.MlflowException
    try:
        yield
    except failure as exc:
        raise _error(what, exc, _reason(exc), uris) from exc
    except (SQLAlchemyError, OSError) as exc:
        raise _error(what, exc, _reason(exc), uris) from exc


def is_unknown(exc: Exception) -> bool:
    """Whether a server says that it has no model of that name."""
    return _code(exc) in _UNKNOWN


def _code(exc: Exception) -> str:
    """The code of a failure: MLflow's, or where MLflow does not know it, the server's own, which begins the message."""
    named = re.match(r"([A-Z][A-Z_]+): ", str(exc))
    return named[1] if named else str(getattr(exc, "error_code", ""))


def _reason(exc: Exception) -> ModelReason:
    code = _code(exc)
    if code.endswith("_DOES_NOT_EXIST"):
        return ModelReason.NOT_FOUND
    if _UPLOAD.search(str(exc)) or str(exc).startswith(_NO_CREDENTIALS):
        return ModelReason.REFUSED
    return _REASONS.get(code, ModelReason.UNREACHABLE)


def _error(what: str, exc: Exception, reason: ModelReason, uris: Sequence[str]) -> ModelError:
    message = (str(exc).splitlines() or [type(exc).__name__])[0][:200]
    for uri in uris:
        secret = urlsplit(uri).password
        message = message.replace(secret, "***") if secret else message
    return ModelError(f"MLflow could not {what}: {message}{_HELP.get(reason, '')}; the version in force stays", reason)
