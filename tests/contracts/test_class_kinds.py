"""Every kind of gate model that predicts a class from a table keeps the contract; forged trees never reach LightGBM."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import class_kind as suite
import numpy as np
import pytest
from package_kit import forge

from inference.models.tables.tree_text import verified


@pytest.fixture(scope="module", params=suite.KINDS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> suite.Case:
    return suite.Case(request.param, tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("check", suite.CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.slow
def test_the_contract_holds(case: suite.Case, check: Callable[[suite.Case], None]) -> None:
    check(case)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, int]:
    case = suite.Case("classifier", tmp_path_factory.mktemp("text"))
    columns = case.trained.contents.entries["columns"]
    assert isinstance(columns, dict)
    content = bytes(case.trained.contents.tensors["trees"])
    return content.decode("ascii"), len(columns["inputs"]) + 3 * len(columns["pairs"])


def _first(pattern: str, change: Callable[[list[str]], list[str]]) -> Callable[[str], str]:
    """Change the words of the first line of a name."""
    return lambda text: re.sub(
        rf"^({pattern})=(.+)$", lambda m: f"{m[1]}={' '.join(change(m[2].split()))}", text, count=1, flags=re.MULTILINE
    )


FORGERIES: dict[str, Callable[[str], str]] = {
    "a child that is its own parent": _first("left_child", lambda w: ["0", *w[1:]]),
    "a child beyond the tree": _first("left_child", lambda w: ["999999", *w[1:]]),
    "a leaf beyond the tree": _first("right_child", lambda w: ["-999", *w[1:]]),
    "a node with two parents": lambda text: _first("right_child", lambda w: w)(text).replace(
        *(lambda m: (m[0], m[0].replace(m[1].split()[0], m[2].split()[0], 1)))(
            re.search(r"left_child=(.+)\nright_child=(.+)", text)  # type: ignore[arg-type]
        ),
        1,
    ),
    "a column beyond the row": _first("split_feature", lambda w: ["100000", *w[1:]]),
    "a negative column": _first("split_feature", lambda w: ["-1", *w[1:]]),
    "a threshold that is no number": _first("threshold", lambda w: ["nan", *w[1:]]),
    "an infinite leaf": _first("leaf_value", lambda w: ["inf", *w[1:]]),
    "a huge leaf": _first("leaf_value", lambda w: ["1e999", *w[1:]]),
    "a word too few": _first("threshold", lambda w: w[1:]),
    "a leaf too many": _first("leaf_value", lambda w: [*w, "0.5"]),
    "an unknown decision": _first("decision_type", lambda w: ["255", *w[1:]]),
    "a set of categories that is not there": _first("decision_type", lambda w: ["1", *w[1:]]),
    "more leaves than said": _first("num_leaves", lambda w: ["2000000000"]),
    "no leaves": _first("num_leaves", lambda w: ["0"]),
    "linear leaves": _first("is_linear", lambda w: ["1"]),
    "sets of categories without end": _first("cat_boundaries", lambda w: [*w[:-1], "2000000000"]),
    "a line that is unknown": lambda text: text.replace("shrinkage=", "leaf_coeff=1\nshrinkage=", 1),
    "a line twice": lambda text: text.replace("is_linear=0", "is_linear=0\nis_linear=0", 1),
    "another number of columns": lambda text: text.replace("max_feature_idx=", "max_feature_idx=1", 1),
    "other classes": lambda text: text.replace("num_class=1", "num_class=9", 1),
    "sizes of trees": lambda text: text.replace("\n\nTree=0", "\ntree_sizes=9999999\n\nTree=0", 1),
    "trees out of order": lambda text: text.replace("Tree=1\n", "Tree=7\n", 1),
    "no trees": lambda text: text[: text.index("Tree=0")] + "end of trees\n",
    "something after the end": lambda text: text + "parameters:\n[x: y]\n",
    "no end": lambda text: text[:-20],
    "bytes that are no letters": lambda text: text.replace("Tree=1\n", "Tree=1\u00b2\n", 1),
    "an integer with an underscore": _first("left_child", lambda w: [w[0] + "_0", *w[1:]]),
    "two spaces": lambda text: re.sub(r"(left_child=\S+) ", r"\1  ", text, count=1),
    "nothing": lambda _: "",
}


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.slow
def test_a_text_that_is_no_set_of_trees_is_refused(text: tuple[str, int], forgery: str) -> None:
    good, columns = text
    assert verified(good.encode("ascii"), columns, 2) == good
    bad = FORGERIES[forgery](good)
    assert bad != good
    with pytest.raises(ValueError, match=r"^has (\d+ )?(a )?tree"):
        verified(bad.encode("utf-8"), columns, 2)


@pytest.mark.slow
def test_any_changed_byte_is_refused_or_still_a_tree(text: tuple[str, int]) -> None:
    good, columns = text
    rng = np.random.default_rng(0)
    start = good.index("Tree=0")
    short = (good[: good.index("Tree=3")] + "end of trees\n").encode("ascii")
    taken = 0
    for _ in range(3000):
        changed = bytearray(short)
        changed[int(rng.integers(start, len(short)))] = int(rng.integers(0, 256))
        with suppress(ValueError):
            verified(bytes(changed), columns, 2)
            taken += 1
    assert taken < 1500  # another digit is another tree; only the digest tells


@pytest.mark.slow
def test_the_model_of_a_forged_text_is_refused(tmp_path: Path) -> None:
    from inference import packaging
    from monitor.errors import ModelError

    case = suite.Case("classifier", tmp_path)
    folder, _ = case.package

    def change(_: dict[str, object], tensors: dict[str, np.ndarray]) -> None:
        text = bytes(tensors["trees"]).replace(b"left_child=", b"left_child=9", 1)
        tensors["trees"] = np.frombuffer(text, dtype=np.uint8)

    forge(folder, change)
    with pytest.raises(ModelError, match="has a tree 0 that is none"):
        packaging.load(folder)
