"""`make release`: builds all files of a release from the last commit into dist/. Refuses a tree with changes."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from releasing import requirements, sbom
from releasing.closure import ROOT, project

DIST = ROOT / "dist"
_RELEASED = re.compile(r"^## (\d+\.\d+\.\d+)", re.MULTILINE)


def main() -> None:
    """Build everything or nothing: files appear in dist/ once all are made."""
    version = str(project()["version"])
    if said := refusal(_git("status", "--porcelain"), (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version):
        raise SystemExit(f"make release: {said}")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "dist"
        _build(Path(folder) / "source", made)
        stem = f"gatewatch-{version}"
        sbom.write(made / f"{stem}-sbom.cdx.json", next(made.glob("*.whl")))
        (made / f"{stem}-requirements.txt").write_text(requirements.with_gpu(), encoding="utf-8")
        if cpu := requirements.with_cpu():
            (made / f"{stem}-requirements-cpu.txt").write_text(cpu, encoding="utf-8")
        else:
            print("no CPU build of PyTorch at hand (PIP_FIND_LINKS, PIP_EXTRA_INDEX_URL): no requirements-cpu")
        (made / "SHA256SUMS").write_text(digests(made), encoding="utf-8")
        shutil.rmtree(DIST, ignore_errors=True)
        shutil.copytree(made, DIST)
    print("\n".join(f"dist/{file.name}" for file in sorted(DIST.iterdir())))


def refusal(status: str, changelog: str, version: str) -> str | None:
    """Why this tree is not released, as a sentence; None where it may be."""
    if status:
        return f"the tree has changes that no commit holds:\n{status.rstrip()}"
    newest = next(iter(_RELEASED.findall(changelog)), None)
    if newest != version:
        return f"CHANGELOG.md ends at version {newest}, pyproject.toml says {version}; see CONTRIBUTING.md, Release"
    return None


def digests(folder: Path) -> str:
    """The SHA-256 of each file, as `sha256sum --check` reads them."""
    files = sorted(file for file in folder.iterdir() if file.is_file())
    return "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)


def _build(source: Path, to: Path) -> None:
    """Wheel and sdist from the files of the last commit alone; the same commit gives the same wheel."""
    source.mkdir()
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "--extract", "--directory", str(source)], input=archive, check=True)
    stamp = {"SOURCE_DATE_EPOCH": _git("log", "-1", "--format=%ct").strip()}
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(to), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | stamp)
    if done.returncode:
        raise SystemExit(f"the build failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
