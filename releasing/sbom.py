"""The bill of materials: CycloneDX's own tool on an environment that holds the runtime closure and nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import venv
from importlib.metadata import Distribution
from pathlib import Path

from releasing.closure import ROOT, pins, runtime

_VERSION = re.compile(r"^Version: .*$", re.MULTILINE)


def write(to: Path, wheel: Path) -> None:
    """Write the bill of materials of a wheel and all that it needs, as JSON of CycloneDX 1.6, validated."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder)
        (packages,) = Path(folder).glob("lib/python*/site-packages")
        pinned = pins()
        for name, package in runtime().items():
            _copy(package, pinned[name], packages)
        python = Path(folder) / "bin" / "python"
        pip = ("-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(wheel))
        _run(sys.executable, *pip)
        tool = str(Path(sys.executable).parent / "cyclonedx-py")
        _run(
            tool, "environment", "--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application",
            "--output-reproducible", "--spec-version", "1.6", "--validate", "--output-format", "JSON",
            "--output-file", str(to), str(python),
        )  # fmt: skip


def _copy(package: Distribution, version: str, packages: Path) -> None:
    """Only the metadata, which is all that the tool reads; without the local suffix of a build's version."""
    source = next(Path(str(file.locate())).parent for file in package.files or () if file.name == "METADATA")
    target = packages / source.name
    shutil.copytree(source, target)
    metadata = target / "METADATA"
    text = metadata.read_text(encoding="utf-8")
    metadata.write_text(_VERSION.sub(f"Version: {version}", text, count=1), encoding="utf-8")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
