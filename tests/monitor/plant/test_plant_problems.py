"""Every way to spoil a plant file is told in the exact words of tests/golden/plant/problems.txt."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from plant_cases import ENVIRON, GOOD, OVERRIDES, SPOILED, spoil

from monitor.errors import PlantFileError
from monitor.plant.file.load import MAX_BYTES, load
from monitor.plant.messages import unknown_name

GOLDEN = Path(__file__).parents[2] / "golden" / "plant" / "problems.txt"
TOLD = "=== "


def problems(path: Path, overrides: Sequence[str] = ()) -> str:
    with pytest.raises(PlantFileError) as caught:
        load(path, overrides, ENVIRON)
    assert caught.value.exit_code == 2
    assert str(caught.value).splitlines() == list(caught.value.problems)
    assert caught.value.__context__ is None  # pydantic's error would carry the values, secrets included
    return str(caught.value).replace(f"{path.parent}/", "") + "\n"


def golden() -> dict[str, str]:
    sections = GOLDEN.read_text().split(TOLD)[1:] if GOLDEN.exists() else []
    return {section.partition("\n")[0]: section.partition("\n")[2] for section in sections}


def compare(name: str, told: str) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        known = {**golden(), name: told}
        GOLDEN.write_text("".join(f"{TOLD}{case}\n{known[case]}" for case in (*SPOILED, *OVERRIDES) if case in known))
    assert told == golden()[name]


@pytest.mark.parametrize("name", SPOILED)
@pytest.mark.slow
def test_a_spoiled_file_is_told_in_these_words(name: str, tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_bytes(spoil(SPOILED[name]).encode())
    compare(name, problems(path))


@pytest.mark.parametrize("name", OVERRIDES)
def test_an_override_that_cannot_be_is_told_in_these_words(name: str) -> None:
    told = problems(GOOD, [OVERRIDES[name]])
    assert "hunter" not in told
    compare(name, told)


def test_the_golden_file_has_no_other_cases() -> None:
    assert list(golden()) == [*SPOILED, *OVERRIDES]


def test_no_problem_speaks_pydantics_or_pythons_language() -> None:
    for name, told in golden().items():
        for foreign in (
            "Input should",
            "pydantic",
            "Extra inputs",
            "Field required",
            "str_type",
            "NoneType",
            " dict ",
            "None",
        ):
            assert foreign not in told, name


def unreadable(path: Path) -> None:
    path.write_text("version: 1")
    path.chmod(0)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(lambda p: None, "no such file; expected a plant file (YAML)", id="a missing file"),
        pytest.param(lambda p: p.mkdir(), "is a folder; expected a plant file (YAML)", id="a folder"),
        pytest.param(
            lambda p: p.write_bytes(b"#" * (MAX_BYTES + 1)),
            f"larger than {MAX_BYTES} bytes; expected a plant file (YAML)",
            id="too large a file",
        ),
        pytest.param(
            unreadable,
            "cannot be read (permission denied); expected a plant file (YAML)",
            id="a file we may not read",
            marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything"),
        ),
    ],
)
def test_what_is_no_file_is_told_so(make, told: str, tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    make(path)
    with pytest.raises(PlantFileError) as caught:
        load(path)
    assert caught.value.problems == (f"{path}: {told}",)


def test_bytes_that_are_not_utf8_are_told_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_bytes("version: 1\nsite: Köln\n".encode("latin-1"))
    with pytest.raises(PlantFileError) as caught:
        load(path)
    assert caught.value.problems == (f"{path}:2: not UTF-8; save the file as UTF-8",)


def test_a_path_that_cannot_be_one_is_told_so() -> None:
    with pytest.raises(PlantFileError, match="cannot be read"):
        load("plant\0.yaml")


@pytest.mark.parametrize(("names", "suggested"), [(200, True), (6000, False)], ids=["some names", "thousands of names"])
def test_a_name_is_suggested_only_where_few_are_allowed(names: int, suggested: bool) -> None:
    told = unknown_name("step", "step-9", [f"step-{i}" for i in range(10, 10 + names)])
    assert ("did you mean" in told) is suggested
