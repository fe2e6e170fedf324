"""The work that a plant file of hostile shape can cause, counted: each is refused or read within about a second."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from monitor.errors import PlantFileError
from monitor.plant.file import validate, yaml_tree
from monitor.plant.file.load import MAX_BYTES, examine

HEAD = "version: 1\nsite: s\nsteps: {a: {line: l}}\n"
_LETTERS = "abcdefghij"


def _aliases(form: str) -> str:
    """Each line repeats the one before nine times."""
    lines = [f"{_LETTERS[0]}: &{_LETTERS[0]} " + form.format("1,1")]
    for before, here in pairwise(_LETTERS):
        lines.append(f"{here}: &{here} " + form.format(",".join([f"*{before}"] * 9)))
    return "\n".join(lines)


LIMITS = ((yaml_tree, "MAX_NODES"), (yaml_tree, "MAX_COST"), (validate, "_MAX_ERRORS"))
SHARE = 10
"""The work is measured at a tenth of the limits; every text below exceeds one of them by far, or none."""

HOSTILE: dict[str, str] = {
    "1 MB": "a: b\n" * 250_000,
    "100,000 keys": "".join(f"{n:x}:\n" for n in range(38_000)),
    "one key 50,000 times": "a: 1\n" * 50_000,
    "a long list": "[" + "1," * 124_000 + "1]",
    "a list in lines": "-\n" * 120_000,
    "keys without values": "{" + "a," * 80_000 + "}",
    "nested lists": "[" * 250_000,
    "nested mappings": "{" * 250_000,
    "nested entries": "- " * 120_000,
    "nested keys": "\n".join(" " * n + "a:" for n in range(700)),
    "an alias bomb": _aliases("[{}]"),
    "a bomb of merges": "a: &a {x: 1}\n" + _aliases("{{<<: [{}]}}").split("\n", 1)[1],
    "one list by 50,000 aliases": "a: &a [" + "1," * 5000 + "]\nb: [" + "*a," * 50_000 + "]",
    "an alias in itself": "a: &a [*a, *a, *a]",
    "a long range": HEAD + "machines: {'M{1..999999999}': {step: a}}",
    "a range of 10,000 digits": HEAD + "machines:\n  'M{1.." + "9" * 10_000 + "}': {step: a}",
    "ranges in ranges": "".join(" " * n + f"'a{{1..{10 + n}}}':\n" for n in range(20)) + " " * 20 + "x: 1",
    "many long ranges": "a: [" + ",".join(['"M{1..10000}"'] * 17_000) + "]",
    "half ranges": "a: '" + "{1.." * 60_000 + "'",
    "half references": "a: '" + "${a" * 80_000 + "'",
    "a long number": "a: 1" + "1" * 250_000,
    "a long number with a point": "a: 1." + "1" * 250_000,
    "tags": "- !a x\n" * 30_000,
    "many problems": HEAD + "sources:\n" + "".join(f"  s{n}: {{kind: outcomes}}\n" for n in range(700)),
    "a problem a line": HEAD + "sources: {}\nmachines:\n" + "".join(f"  m{n}: {{}}\n" for n in range(900)),
}


def test_the_limits_allow_a_second_of_work() -> None:
    """About a second for PyYAML, less for the rest: measured at 25, 8 and 80 microseconds each."""
    assert [getattr(owner, limit) for owner, limit in LIMITS] == [30_000, 120_000, 5000]


@pytest.mark.parametrize(("name", "text"), HOSTILE.items(), ids=HOSTILE)
@pytest.mark.slow
def test_the_work_is_bounded(name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: Counter[str] = Counter()

    def counted(owner: Any, name: str) -> None:
        before = getattr(owner, name)

        def call(*arguments: Any, **more: Any) -> Any:
            done[name] += 1
            return before(*arguments, **more)

        monkeypatch.setattr(owner, name, call)

    for owner, limit in LIMITS:
        monkeypatch.setattr(owner, limit, getattr(owner, limit) // SHARE)
    counted(yaml_tree._Loader, "compose_node")
    counted(yaml_tree._Builder, "_spend")
    counted(validate, "to_problem")
    (tmp_path / "plant.yaml").write_text(text, encoding="utf-8")
    try:
        problems = examine(tmp_path / "plant.yaml").problems
    except PlantFileError as error:
        problems = tuple(str(error).splitlines())
        assert len(text) > MAX_BYTES
        assert done.total() == 0, "a file that is too long is not looked into"
    assert problems
    assert all(len(problem) < 600 for problem in problems)
    if name == "many problems":
        assert problems[0].endswith(" more problems, which are not examined; correct those below first")
        assert 1 < len(problems) <= validate._MAX_ERRORS + 1
    assert done["compose_node"] <= yaml_tree.MAX_NODES + 1
    assert done["_spend"] <= 2 * yaml_tree.MAX_COST
    assert done["to_problem"] <= 2 * validate._MAX_ERRORS
