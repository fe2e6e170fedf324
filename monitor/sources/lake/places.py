"""Where a Delta table is: fixed, or found in Unity Catalog by its name of three levels.

Unity Catalog gives credentials for reading that end after about an hour; a place is found again before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from monitor.errors import SourceError, SourceReason, UsageError
from monitor.sources.lake.fragments import unreadable

_NAME = re.compile(r"[^./ ]+(\.[^./ ]+){2}")
_FILE = "file://"
_ADVICE = {
    SourceReason.MISSING_TABLE: "expected a table there; correct `table`, or let the account see it",
    SourceReason.REFUSED: "grant USE CATALOG, USE SCHEMA, SELECT and EXTERNAL USE SCHEMA, and check the credentials",
    SourceReason.UNREACHABLE: "expected a workspace; check DATABRICKS_HOST or the profile, and the network",
}
_KIND = "expected a Delta table, or read it over SQL"


@dataclass(frozen=True, slots=True)
class Place:
    """An address as deltalake takes it, with what opens it, until an instant in seconds since 1970 (None: always)."""

    uri: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    until: float | None = None


Find = Callable[[], Place]
"""Finds the place of a table; SourceError where that fails."""


def in_catalog(name: str, table: str, profile: str, timeout: float) -> Find:
    """Finds a table in Unity Catalog. `profile` of the Databricks configuration, or empty; `timeout` in seconds."""
    if not _NAME.fullmatch(table):
        raise UsageError(
            f"source {name!r}: {table!r} is not a table in Unity Catalog; expected three levels, catalog.schema.table"
        )

    def find() -> Place:
        try:
            return _found(name, table, _workspace(profile, timeout))
        except SourceError:
            raise
        except Exception as exc:  # the client raises errors of its own, of requests and of the configuration
            reason = _reason(exc)
            raise unreadable(name, _where(table), exc, _ADVICE[reason], reason) from exc

    return find


def _workspace(profile: str, timeout: float) -> Any:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.config import Config

    seconds = max(1, round(timeout))
    settings: dict[str, Any] = {"http_timeout_seconds": seconds, "retry_timeout_seconds": seconds}
    if profile:
        settings["profile"] = profile
    return WorkspaceClient(config=Config(**settings))


def _found(name: str, table: str, workspace: Any) -> Place:
    info = workspace.tables.get(table)
    form = None if info.data_source_format is None else info.data_source_format.value
    if form != "DELTA" or not info.storage_location:
        what = f"its format is {form}" if form else f"it is of type {getattr(info.table_type, 'value', 'unknown')}"
        raise unreadable(name, _where(table), what, _KIND, SourceReason.REFUSED)
    if info.storage_location.startswith(_FILE):
        return Place(info.storage_location)
    from databricks.sdk.service.catalog import TableOperation

    given = workspace.temporary_table_credentials.generate_temporary_table_credentials(
        operation=TableOperation.READ, table_id=info.table_id
    )
    options = _options(given)
    if not options:
        what = "its storage gives credentials that cannot be used here"
        raise unreadable(name, _where(table), what, "expected a table on S3 or Azure", SourceReason.REFUSED)
    return Place(info.storage_location, options, (given.expiration_time or 0) / 1000 or None)


def _options(given: Any) -> dict[str, str]:
    """The credentials as options of deltalake; none for other clouds than AWS and Azure."""
    if given.aws_temp_credentials is not None:
        aws = given.aws_temp_credentials
        return {
            "aws_access_key_id": aws.access_key_id,
            "aws_secret_access_key": aws.secret_access_key,
            "aws_session_token": aws.session_token,
        }
    if given.azure_user_delegation_sas is not None:
        return {"azure_storage_sas_token": given.azure_user_delegation_sas.sas_token}
    return {}


def _reason(exc: Exception) -> SourceReason:
    from databricks.sdk.errors import NotFound, PermissionDenied, Unauthenticated

    if isinstance(exc, NotFound):
        return SourceReason.MISSING_TABLE
    if isinstance(exc, PermissionDenied | Unauthenticated | ValueError):  # ValueError: no credentials are configured
        return SourceReason.REFUSED
    return SourceReason.UNREACHABLE


def _where(table: str) -> str:
    return f"Delta table {table} of Unity Catalog"
