"""The runtime closure: what an installation of Gatewatch brings along, each with its metadata."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
# Fixed, so that every machine finds the same closure: the platform that Gatewatch is built and deployed on.
_PLATFORM = {
    "implementation_name": "cpython", "os_name": "posix", "platform_machine": "x86_64",
    "platform_python_implementation": "CPython", "platform_system": "Linux", "python_full_version": "3.11.0",
    "python_version": "3.11", "sys_platform": "linux",
}  # fmt: skip


def project() -> dict[str, Any]:
    """The table `project` of pyproject.toml."""
    whole: dict[str, dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return whole["project"]


def direct() -> set[str]:
    """The packages that Gatewatch itself asks for."""
    return {str(canonicalize_name(Requirement(text).name)) for text in project()["dependencies"]}


def pins() -> dict[str, str]:
    """The version of constraints.txt of every package, by its canonical name."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {str(canonicalize_name(name)): version for name, _, version in (line.partition("==") for line in lines)}


def runtime() -> dict[str, Distribution]:
    """Every package that `pip install gatewatch` installs, by name in order; PackageNotFoundError where one is absent.

    What constraints.txt does not pin is left out: the libraries for GPUs that torch asks for where it is not the build
    for CPUs.
    """
    pinned = pins()
    waiting = [Requirement(text) for text in project()["dependencies"]]
    asked: set[tuple[str, str]] = set()
    closure: dict[str, Distribution] = {}
    while waiting:
        requirement = waiting.pop()
        name = str(canonicalize_name(requirement.name))
        new = {(name, extra) for extra in ("", *requirement.extras)} - asked
        if new and name in pinned:
            asked |= new
            closure[name] = distribution(name)
            waiting += _needs(closure[name], {extra for _, extra in new})
    return dict(sorted(closure.items()))


def _needs(package: Distribution, extras: set[str]) -> Iterator[Requirement]:
    for text in package.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({**_PLATFORM, "extra": extra}) for extra in extras):
            yield requirement
