"""What a release is made of, and when none is made; licences, versions, and the habits that surround them."""

from __future__ import annotations

import hashlib
import re
from importlib.metadata import Distribution
from pathlib import Path

import pytest
import yaml

import monitor
from releasing import requirements
from releasing.__main__ import digests, refusal
from releasing.closure import direct, pins, project, runtime
from releasing.licences import NOT_STATED, licence

ROOT = Path(__file__).parents[2]
VERSION = str(project()["version"])
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_one_version_everywhere() -> None:
    released = re.findall(r"^## (\d+\.\d+\.\d+) \(\d{4}-\d\d-\d\d\)$", CHANGELOG, re.MULTILINE)
    assert monitor.__version__ == VERSION
    assert released[:1] in ([], [VERSION]), "the newest released heading of the changelog"
    assert released == sorted(released, key=lambda v: [int(n) for n in v.split(".")], reverse=True)
    assert re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)[0] == "Unreleased"


LOG = "# Changelog\n\n## Unreleased\n\n## 1.2.0 (2026-03-02)\n\n- [FIX] One.\n\n## 1.1.0 (2026-01-05)\n"
REFUSED = {
    "a clean tree whose version is the newest released": ("", LOG, "1.2.0", None),
    "a changed file": (" M monitor/cli.py\n", LOG, "1.2.0", "changes that no commit holds:\n M monitor/cli.py"),
    "a new file": ("?? notes.txt\n", LOG, "1.2.0", "changes that no commit holds"),
    "a version without its heading": ("", LOG, "1.3.0", "ends at version 1.2.0, pyproject.toml says 1.3.0"),
    "nothing released yet": ("", "# Changelog\n\n## Unreleased\n", "0.1.0", "ends at version None"),
}


@pytest.mark.parametrize(("status", "changelog", "version", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_released(status: str, changelog: str, version: str, said: str | None) -> None:
    reason = refusal(status, changelog, version)
    assert (reason is None) if said is None else said in str(reason)


def test_digests_are_as_sha256sum_reads_them(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt"):
        (tmp_path / name).write_text(name)
    sums = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("a.txt", "b.txt")}
    assert digests(tmp_path) == "".join(f"{sums[name]}  {name}\n" for name in sums)


HASH = f"    --hash=sha256:{'0' * 64}"
PIN = f"numpy=={pins()['numpy']}"
STRANGE = {
    "an index": f"--extra-index-url https://index.example/simple\n{PIN} \\\n{HASH}\n",
    "a package without a hash": f"{PIN}\n",
    "a package by its address": f"numpy @ https://index.example/numpy.whl \\\n{HASH}\n",
    "a version that constraints.txt does not have": f"numpy==1.0 \\\n{HASH}\n",
}


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
def test_requirements_that_are_not_pins_with_hashes_are_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "_compile", lambda *_: text)
    with pytest.raises(SystemExit, match="not as expected"):
        requirements.with_gpu()


WITH_CPU = f"{PIN} \\\n{HASH} \\\n{HASH}\ntorch=={pins()['torch']}+cpu ; sys_platform == 'linux' \\\n{HASH}\n"


def test_requirements_for_cpus_are_made_where_that_build_is_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.setattr(requirements, "_compile", lambda *_: WITH_CPU)
    assert requirements.with_cpu() is None
    monkeypatch.setenv("PIP_FIND_LINKS", "/some/wheels")
    assert requirements.with_cpu() == WITH_CPU
    monkeypatch.setattr(requirements, "_compile", lambda *_: WITH_CPU.replace("+cpu", ""))
    assert requirements.with_cpu() is None


@pytest.mark.slow
def test_the_runtime_closure_is_pinned_and_on_the_page_of_licences() -> None:
    page = (ROOT / "docs" / "reference" / "licences.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| \**([a-z0-9-]+)\** \| ([0-9][^ ]*) \|", page, re.MULTILINE))
    closure = runtime()
    assert rows == {name: pins()[name] for name in closure}
    assert direct() <= set(closure)
    assert NOT_STATED not in page
    # Everything pinned is of the runtime or of an extra, and the tools of development are of no runtime.
    assert not {"pytest", "mypy", "ruff", "sphinx", "cyclonedx-bom", "mutmut", "uv"} & set(closure)


MIT = "Permission is hereby granted, free of charge, to any person obtaining a copy\nof this software"
BSD = "Redistributions of source code must\nretain the above copyright notice"
BSD_3 = f"{BSD} may be used to endorse or promote products\nderived from this software"
APACHE = "Classifier: License :: OSI Approved :: Apache Software License"
CASES = {
    "an expression": ("License-Expression: MIT OR Apache-2.0\nLicense: other", "", "MIT OR Apache-2.0"),
    "an identifier in the field": ("License: mpl-2.0", "", "MPL-2.0"),
    "a usual word in the field": ("License: Apache License, Version 2.0", "", "Apache-2.0"),
    "a classifier": (APACHE, "", "Apache-2.0"),
    "two classifiers": (f"License: Dual\n{APACHE}\nClassifier: License :: OSI Approved :: MIT License", "",
                        "Apache-2.0 OR MIT"),
    "bsd of which the text says more": ("License: BSD", BSD_3, "BSD-3-Clause"),
    "bsd with two clauses": ("Classifier: License :: OSI Approved :: BSD License", BSD, "BSD-2-Clause"),
    "bsd beside a text of mit": ("License: BSD", MIT, "BSD"),
    "the text alone": ("Classifier: License :: OSI Approved", MIT, "MIT"),
    "the text in the field": (f"License: Copyright somebody\n        {MIT.splitlines()[0]}", "", "MIT"),
    "nothing": ("", "", NOT_STATED),
}  # fmt: skip


@pytest.mark.parametrize(("metadata", "text", "expected"), CASES.values(), ids=CASES)
def test_the_licence_a_package_states(metadata: str, text: str, expected: str, tmp_path: Path) -> None:
    info = tmp_path / "thing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: thing\nVersion: 1.0\n{metadata}\n")
    (info / "LICENSE.txt").write_text(text)
    (info / "RECORD").write_text("".join(f"thing-1.0.dist-info/{name},,\n" for name in ("METADATA", "LICENSE.txt")))
    assert licence(Distribution.at(info)) == expected


def test_the_hooks_before_a_commit_are_the_formatters_of_make_check() -> None:
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert local["repo"] == "local"
    hooks = {" ".join(hook["entry"].split()[:2]) for hook in local["hooks"]}
    check = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ncheck:")[2].partition("\n\n")[0]
    assert hooks == {f".venv/bin/ruff {verb}" for verb in re.findall(r"\$\(BIN\)/ruff (\w+)", check)}


def test_the_forge_runs_what_a_change_must_pass() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert workflow["permissions"] == {"contents": "read"}
