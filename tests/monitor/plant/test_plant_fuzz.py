"""Whatever is fed to the plant file, there is a plant or a PlantFileError: never another exception, never a hang."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from plant_cases import ENVIRON, GOOD

from monitor.errors import PlantFileError
from monitor.plant.file import yaml_tree as plant_yaml
from monitor.plant.file.load import LoadedPlant, load, parse

SECRET = "hunter2"
quick = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
dear = settings(quick, max_examples=30)
"""Where the whole file is validated."""

scalars = st.one_of(
    st.none(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["5m", "0s", "${MES_PASSWORD}", "${NO}", "{1..3}", "a.b", "2026-01-01T00:00:00Z", "on", "1e3", "~", "<<"]
    ),
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def outcome(text: str, overrides: tuple[str, ...] = ()) -> LoadedPlant | PlantFileError:
    try:
        loaded = load(GOOD, overrides, ENVIRON) if overrides else parse(text, Path("/plants"), ENVIRON)
    except PlantFileError as error:
        assert_told(error, text)
        return error
    assert SECRET not in loaded.text
    return loaded


def assert_told(error: PlantFileError, text: str) -> None:
    assert error.problems
    assert all(len(problem.splitlines()) == 1 for problem in error.problems)
    assert SECRET in text or SECRET not in str(error)


@quick
@given(st.text())
@example("\ufeff")
@example("%YAML 9999999999999999999999.1\n---\na")
@example("&a")
@example("!<tag:yaml.org,2002:null> [a]")
@example("? [a]\n: b")
@example("&a {&b *a : 1}")
@example("!!float x")
@example("!!int 0x")
@example("version: !!null x")
@pytest.mark.slow
def test_any_text(text: str) -> None:
    outcome(text)


@quick
@given(
    st.lists(
        st.sampled_from([*"[]{},:-?*&!|>'\"%@`#~ \n\t", "a", "0", ": ", "- ", "&a ", "*a ", "<<: ", "!!int "]),
        max_size=40,
    )
)
@pytest.mark.slow
def test_any_yaml_like_text(pieces: list[str]) -> None:
    outcome("".join(pieces))


@quick
@given(st.data())
@pytest.mark.slow
def test_both_parsers_read_the_same(data: st.DataObject) -> None:
    lines = GOOD.read_text().split("\n")
    begin = data.draw(st.integers(0, len(lines) - 1))
    text = "\n".join(lines[begin : begin + data.draw(st.integers(1, 9))])
    at = data.draw(st.integers(0, len(text)))
    text = (
        text[:at] + data.draw(st.sampled_from([*"[]{},:-?*&!|>'\"%@`#~ \n\ta0", ": ", "- ", "&a ", "<<"])) + text[at:]
    )
    with pytest.MonkeyPatch.context() as patch:
        fast = plant_yaml.read(text, "plant.yaml")
        plant_yaml._compose.cache_clear()
        patch.setattr("yaml.__with_libyaml__", False)
        slow = plant_yaml.read(text, "plant.yaml")
    assert (fast.value, fast.problems) == (slow.value, slow.problems)


@dear
@given(st.data())
@pytest.mark.slow
def test_the_good_file_with_letters_changed(data: st.DataObject) -> None:
    text = GOOD.read_text()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        gone = data.draw(st.integers(0, 20))
        text = text[:at] + data.draw(st.text(alphabet="[]{}:,-*&!'\"${}. \n0a\t\x00é", max_size=4)) + text[at + gone :]
    outcome(text)


def nodes(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(found for key, value in inner for found in nodes(value, (*path, key)))]


@dear
@given(st.data(), trees)
@pytest.mark.slow
def test_the_good_file_with_a_value_replaced(data: st.DataObject, value: Any) -> None:
    tree = plant_yaml.read(GOOD.read_text(), "plant.yaml").value
    *around, last = data.draw(st.sampled_from(nodes(tree)[1:]))
    node = tree
    for part in around:
        node = node[part]
    node[last] = value
    outcome(plant_yaml.dump(tree))


@dear
@given(st.one_of(st.text(), st.from_regex(r'[a-z_."0-9]{0,12}=.*')))
@example("sources.mes.at.column.x=1")
@example("gates.blade.profile.-1=x")
@example("gates.blade.profile.٣=x")
@example("a=\udcff")
@example("server=&a [*a]")
@pytest.mark.slow
def test_any_override(option: str) -> None:
    outcome("", (option,))


@quick
@given(trees)
@example({"\x85": "a\u2028b\n c"})
@pytest.mark.slow
def test_dumped_values_are_read_back(value: Any) -> None:
    """Except for what a plant file cannot hold: NaN, surrogates and ranges are told as problems."""
    text = plant_yaml.dump(value)
    tree = plant_yaml.read(text, "plant.yaml")
    if not tree.problems and "nan" not in text and ".." not in text:
        assert tree.value == value


@pytest.mark.slow
def test_two_thousand_wrong_machines_are_each_told() -> None:
    error = outcome("machines:\n" + "".join(f"  m{i}: {{stop: s}}\n" for i in range(2000)))
    assert isinstance(error, PlantFileError)
    assert sum("unknown key" in problem for problem in error.problems) == 2000
