"""The model registry of Unity Catalog as the stub keeps it, with the rules that a workspace enforces."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from typing import Any

from mlflow.protos import databricks_uc_registry_messages_pb2 as uc
from mlflow.protos.databricks_uc_registry_service_pb2 import UcModelRegistryService

from databricks_kit.protocol import Handler, invalid, of_service, unknown

_RESERVED = ".,-=/:"
_PAGE = 2
PENDING, READY = (uc.ModelVersionStatus.Value(name) for name in ("PENDING_REGISTRATION", "READY"))


class Models:
    """Registered models, their versions, tags and aliases. `files`: paths of the Files API that exist."""

    def __init__(self, files: Collection[str], schemas: Collection[str] = ("main.plant",)) -> None:
        self.files, self.schemas = files, schemas
        self.models: dict[str, uc.RegisteredModel] = {}
        self.versions: dict[str, dict[str, uc.ModelVersion]] = {}
        self.numbers: Counter[str] = Counter()
        self.lineage: list[tuple[str, str]] = []

    def routes(self) -> dict[tuple[str, str], Handler]:
        return of_service(
            UcModelRegistryService,
            {
                uc.CreateRegisteredModelRequest: self._create,
                uc.GetRegisteredModelRequest: lambda r: uc.GetRegisteredModelResponse(
                    registered_model=self._model(r.name)
                ),
                uc.SearchRegisteredModelsRequest: self._search,
                uc.CreateModelVersionRequest: self._create_version,
                uc.FinalizeModelVersionRequest: self._finalize,
                uc.GetModelVersionRequest: lambda r: uc.GetModelVersionResponse(
                    model_version=self._version(r.name, r.version)
                ),
                uc.DeleteModelVersionRequest: self._delete_version,
                uc.SearchModelVersionsRequest: self._search_versions,
                uc.SetModelVersionTagRequest: self._tag,
                uc.SetRegisteredModelAliasRequest: self._set_alias,
                uc.DeleteRegisteredModelAliasRequest: self._delete_alias,
                uc.EmitModelVersionLineageRequest: self._emit,
            },
        )

    def _model(self, name: str) -> uc.RegisteredModel:
        if not re.fullmatch(r"[^./ ]+(\.[^./ ]+){2}", name):
            raise invalid(f"Invalid model name {name}: specify all three levels.")
        if name not in self.models:
            raise unknown(f"Routine or Model '{name}'")
        return self.models[name]

    def _version(self, name: str, version: str) -> uc.ModelVersion:
        self._model(name)
        if version not in self.versions[name]:
            raise unknown(f"Model Version (name={name}, version={version})")
        found = self.versions[name][version]
        del found.aliases[:]
        pointing = [a.alias for a in self.models[name].aliases if str(a.version) == version]
        found.aliases.extend(uc.RegisteredModelAlias(alias=alias, version=version) for alias in pointing)
        return found

    def _create(self, request: Any) -> Any:
        if request.name.rpartition(".")[0] not in self.schemas:
            raise unknown(f"Schema '{request.name.rpartition('.')[0]}'")
        self.models[request.name] = uc.RegisteredModel(name=request.name, creation_timestamp=1)
        self.versions[request.name] = {}
        return uc.CreateRegisteredModelResponse(registered_model=self._model(request.name))

    def _search(self, request: Any) -> Any:
        listed = [uc.RegisteredModel(name=name) for name in sorted(self.models)][: request.max_results or 100]
        return uc.SearchRegisteredModelsResponse(registered_models=listed)

    def _create_version(self, request: Any) -> Any:
        self._model(request.name)
        for tag in request.tags:
            _check_key(tag.key)
        self.numbers[request.name] += 1  # a number is never given twice
        version = str(self.numbers[request.name])
        self.versions[request.name][version] = uc.ModelVersion(
            name=request.name, version=version, source=request.source, run_id=request.run_id, status=PENDING,
            creation_timestamp=int(version), tags=request.tags,
        )  # fmt: skip
        return uc.CreateModelVersionResponse(model_version=self._version(request.name, version))

    def _finalize(self, request: Any) -> Any:
        version = self._version(request.name, request.version)
        if f"/Models/{request.name.replace('.', '/')}/{request.version}/MLmodel" not in self.files:
            raise invalid("The files of the model version have no MLmodel.")
        version.status = READY
        return uc.FinalizeModelVersionResponse(model_version=version)

    def _delete_version(self, request: Any) -> Any:
        self._version(request.name, request.version)
        del self.versions[request.name][request.version]
        return uc.DeleteModelVersionResponse()

    def _search_versions(self, request: Any) -> Any:
        """Two at a time, newest first, without tags and aliases."""
        name = request.filter.partition("'")[2].rstrip("'")
        self._model(name)
        known = list(reversed(self.versions[name].values()))
        start = int(request.page_token or 0)
        listed = []
        for version in known[start : start + _PAGE]:
            bare = uc.ModelVersion()
            bare.CopyFrom(version)
            del bare.tags[:], bare.aliases[:]
            listed.append(bare)
        more = str(start + _PAGE) if start + _PAGE < len(known) else ""
        return uc.SearchModelVersionsResponse(model_versions=listed, next_page_token=more)

    def _tag(self, request: Any) -> Any:
        _check_key(request.key)
        tags = self._version(request.name, request.version).tags
        kept = [tag for tag in tags if tag.key != request.key]
        del tags[:]
        tags.extend([*kept, uc.ModelVersionTag(key=request.key, value=request.value)])
        return uc.SetModelVersionTagResponse()

    def _set_alias(self, request: Any) -> Any:
        self._version(request.name, request.version)
        self._without(request.name, request.alias)
        alias = uc.RegisteredModelAlias(alias=request.alias, version=request.version)
        self.models[request.name].aliases.append(alias)
        return uc.SetRegisteredModelAliasResponse()

    def _delete_alias(self, request: Any) -> Any:
        self._model(request.name)
        self._without(request.name, request.alias)
        return uc.DeleteRegisteredModelAliasResponse()

    def _without(self, name: str, alias: str) -> None:
        aliases = self.models[name].aliases
        kept = [other for other in aliases if other.alias != alias]
        del aliases[:]
        aliases.extend(kept)

    def _emit(self, request: Any) -> Any:
        self.lineage.append((request.name, request.version))
        return uc.EmitModelVersionLineageResponse()


def _check_key(key: str) -> None:
    if any(mark in key for mark in _RESERVED):
        listed = ", ".join(_RESERVED)
        raise invalid(f"Tag name {key} contains one or more of the reserved characters: List({listed})")
