"""Addresses of tracking servers and registries, and the names and tags that a kind of registry takes."""

from __future__ import annotations

import re

UNITY_CATALOG = "databricks-uc"
_WORKSPACE = "databricks"
_RESERVED = re.compile(r"[.,\-=/: ]")
_INSTEAD = "by which Gatewatch marks the champion; expected databricks-uc, a database or the URL of an MLflow server"
_LACKING = {
    "uc": f"the open-source Unity Catalog server has no aliases and no tags of versions, {_INSTEAD}",
    _WORKSPACE: f"the old model registry of a Databricks workspace has no aliases, {_INSTEAD}",
}


def scheme_of(uri: str) -> str:
    """The kind of an address: sqlite, postgresql, http, databricks, databricks-uc or uc; in small letters."""
    return re.split(r"\+|:", uri, maxsplit=1)[0].lower()


def is_remote(uri: str) -> bool:
    """Whether a server stores runs and packages, not a database that this process writes."""
    return scheme_of(uri) in ("http", "https", _WORKSPACE, UNITY_CATALOG)


def in_unity_catalog(uri: str) -> bool:
    """Whether an address is the Unity Catalog of a Databricks workspace, with or without a profile."""
    return scheme_of(uri) == UNITY_CATALOG


def in_workspace(uri: str) -> bool:
    """Whether runs at an address are those of a Databricks workspace."""
    return scheme_of(uri) == _WORKSPACE


def registry_of(tracking_uri: str, registry_uri: str | None) -> str:
    """Where versions are registered: at its own address, else where runs are tracked.

    Of a Databricks workspace without one: its Unity Catalog, under the same profile.

    >>> registry_of("databricks://plant", None), registry_of("sqlite:///mlflow.db", None)
    ('databricks-uc://plant', 'sqlite:///mlflow.db')
    """
    if registry_uri is not None:
        return registry_uri
    return UNITY_CATALOG + tracking_uri[len(_WORKSPACE) :] if in_workspace(tracking_uri) else tracking_uri


def lacking(registry_uri: str) -> str | None:
    """What a registry lacks that Gatewatch needs, and what to use instead; None where it can be used."""
    return _LACKING.get(scheme_of(registry_uri))


def misnamed(model_name: str, registry_uri: str) -> str | None:
    """Why a registry cannot hold a model of that name; None where it can."""
    if not in_unity_catalog(registry_uri) or re.fullmatch(r"[^./ ]+(\.[^./ ]+){2}", model_name):
        return None
    return f"{model_name!r} is not a name in Unity Catalog; expected three levels, catalog.schema.model"


def tag_name(name: str, registry_uri: str) -> str:
    """A tag's name as the registry takes it: Unity Catalog refuses some characters, which become underscores.

    >>> tag_name("gatewatch.digest", "databricks-uc")
    'gatewatch_digest'
    """
    return _RESERVED.sub("_", name) if in_unity_catalog(registry_uri) else name
