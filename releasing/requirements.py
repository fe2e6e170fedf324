"""Every dependency of an installation pinned, with the hashes of all files that the index has of it.

Two of them, because pip takes no package without a hash: with PyTorch's build of the index, which brings NVIDIA's
libraries on Linux, and with its build for CPUs, which does not. The second can only be made where that build is at
hand, in a folder of PIP_FIND_LINKS or an index of PIP_EXTRA_INDEX_URL.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from releasing.closure import ROOT, pins

_COMPILE = (
    "pip", "compile", "--quiet", "--no-config", "--generate-hashes", "--python-version", "3.11", "--no-header",
    "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--constraint", "constraints.txt",
    "pyproject.toml",
)  # fmt: skip
_PIN = re.compile(r"^([a-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
_GPU = ("cuda-", "nvidia-", "triton")
_ALLOWED = re.compile(
    r'[a-z0-9._-]+==[a-z0-9.+]+( ; [a-z_A-Z0-9.\'"<>=!() -]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?'
)
_ELSEWHERE = ("PIP_FIND_LINKS", "--find-links"), ("PIP_EXTRA_INDEX_URL", "--extra-index-url")


def with_gpu() -> str:
    """Requirements for every platform, with the builds that the index has."""
    return _checked(_compile("--universal"))


def with_cpu() -> str | None:
    """Requirements for Linux on x86-64 with PyTorch's build for CPUs; None where none is at hand."""
    places = [(flag, place) for name, flag in _ELSEWHERE for place in os.environ.get(name, "").split()]
    if not places:
        return None
    options = ("--python-platform", "x86_64-manylinux_2_28", "--index-strategy", "unsafe-best-match")
    found = _compile(*(word for pair in places for word in pair), *options)
    return _checked(found) if "+cpu" in dict(_PIN.findall(found)).get("torch", "") else None


def _compile(*options: str) -> str:
    command = [str(Path(sys.executable).parent / "uv"), *_COMPILE, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the requirements could not be made: {done.stderr.strip()}")
    return done.stdout


def _checked(text: str) -> str:
    """The text, if it is nothing but pins of constraints.txt and hashes: no address of an index, no other version."""
    strange = [line for line in text.splitlines() if not _ALLOWED.fullmatch(line)]
    pinned = pins()
    other = [
        f"{name} {version}"
        for name, version in _PIN.findall(text)
        if pinned.get(name, version) != version.partition("+")[0] and not name.startswith(_GPU)
    ]
    if strange or other:
        raise SystemExit(f"requirements that are not as expected: {[*strange[:3], *other[:3]]}")
    return text
