"""Registered versions, listed alike from every kind of registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from inference.tracking.addresses import in_unity_catalog, tag_name
from inference.tracking.failures import is_unknown
from inference.tracking.opening import mlflow_library

STATUS_TAG, DIGEST_TAG = "validation_status", "gatewatch.digest"
_READY = "READY"


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version of a registered model; `status` is its validation status, `aliases` the names that point at it."""

    version: str
    digest: str
    status: str
    aliases: tuple[str, ...]
    created_at: datetime


class VersionList:
    """The versions of a client's models. Exceptions are MLflow's; an unknown model has no versions."""

    def __init__(self, client: Any, registry_uri: str) -> None:
        self._client, self._uri = client, registry_uri

    def finished(self, model_name: str) -> tuple[RegisteredVersion, ...]:
        """Every version whose files are complete, oldest first."""
        model = self.model(model_name)
        if model is None:
            return ()
        entries = [entry for entry in self._entries(model_name) if entry.status == _READY]
        return tuple(sorted((self._version(entry, model.aliases) for entry in entries), key=lambda v: int(v.version)))

    def of_package(self, model_name: str, digest: str) -> str | None:
        """The version of a package, the oldest if there are several; None where there is none.

        What a registration of it left that was interrupted before its files were complete is deleted.
        """
        entries = [entry for entry in self._entries(model_name) if self._digest(entry) == digest]
        for entry in entries:
            if entry.status != _READY:
                self._client.delete_model_version(model_name, entry.version)
        return min((str(entry.version) for entry in entries if entry.status == _READY), key=int, default=None)

    def model(self, model_name: str) -> Any:
        """The registered model; None for an unknown one."""
        try:
            return self._client.get_registered_model(model_name)
        except mlflow_library().exceptions.MlflowException as exc:
            if is_unknown(exc):
                return None
            raise

    def _entries(self, model_name: str) -> Iterator[Any]:
        token = None
        while True:
            page = self._client.search_model_versions(f"name = '{model_name}'", page_token=token)
            # what Unity Catalog lists has no tags
            alone = in_unity_catalog(self._uri)
            yield from (self._client.get_model_version(model_name, e.version) if alone else e for e in page)
            token = page.token
            if not token:
                return

    def _digest(self, entry: Any) -> str:
        return str(entry.tags.get(tag_name(DIGEST_TAG, self._uri), ""))

    def _version(self, entry: Any, aliases: Mapping[str, object]) -> RegisteredVersion:
        return RegisteredVersion(
            version=str(entry.version),
            digest=self._digest(entry),
            status=entry.tags.get(tag_name(STATUS_TAG, self._uri), ""),
            aliases=tuple(sorted(name for name, version in aliases.items() if str(version) == str(entry.version))),
            created_at=datetime.fromtimestamp(entry.creation_timestamp / 1000, UTC),
        )
