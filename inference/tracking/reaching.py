"""Whether a Databricks workspace answers at all, found out in seconds: its client tries for minutes."""

from __future__ import annotations

import os
import socket
from configparser import ConfigParser, Error
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from inference.tracking.addresses import in_unity_catalog, in_workspace

_PATIENCE = 5.0
"""Seconds."""


def knock(uri: str) -> None:
    """Connect to the workspace of an address; OSError where that fails. Other addresses are not touched.

    Where a proxy leads there, or nothing says which workspace it is, nothing is tried.
    """
    if not (in_workspace(uri) or in_unity_catalog(uri)):
        return
    host = workspace_host(uri)
    parts = urlsplit(host if host and "://" in host else f"https://{host or ''}")
    if host is None or _by_proxy(parts.scheme, parts.hostname or ""):
        return
    try:
        socket.create_connection((parts.hostname or "", parts.port or _port(parts.scheme)), _PATIENCE).close()
    except OSError as exc:
        raise OSError(f"the Databricks workspace {host} does not answer: {exc.strerror or exc}") from exc


def workspace_host(uri: str) -> str | None:
    """The address of a workspace, from DATABRICKS_HOST or the profile that `uri` or the environment names."""
    profile = uri.partition("://")[2] or os.environ.get("DATABRICKS_CONFIG_PROFILE", "")
    if not profile and os.environ.get("DATABRICKS_HOST"):
        return os.environ["DATABRICKS_HOST"]
    file = Path(os.environ.get("DATABRICKS_CONFIG_FILE", "~/.databrickscfg")).expanduser()
    profiles = ConfigParser(interpolation=None)
    try:
        profiles.read(file)
        return profiles.get(profile or "DEFAULT", "host", fallback=None)
    except (Error, UnicodeDecodeError, OSError):
        return None  # the client says what is wrong with it


def _by_proxy(scheme: str, host: str) -> bool:
    proxies = getproxies()
    return (scheme in proxies or "all" in proxies) and not proxy_bypass(host)


def _port(scheme: str) -> int:
    return 80 if scheme == "http" else 443
