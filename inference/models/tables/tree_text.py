"""LightGBM's text format, cut to what predictions need and checked before the library reads it.

The library's parser trusts its input: a child that is its own ancestor never ends, an index too large reads beyond the
memory. So a text is taken only if its header is letter for letter the one of its columns and classes, and every tree
has just the lines below, of bounded and finite numbers, and is a tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np

MOST_BYTES = 16 * 2**20
_MOST_TREES = 50_000
_MOST_LEAVES = 256
_MOST_WORDS = 64  # 32-bit sets of categories at a split
_LARGEST = 1e300
_END = "end of trees\n"
_STUMP = ("num_leaves", "num_cat", "leaf_value", "is_linear", "shrinkage")
_TREE = (
    "num_leaves", "num_cat", "split_feature", "threshold", "decision_type", "left_child", "right_child", "leaf_value",
    "is_linear", "shrinkage",
)  # fmt: skip
_WITH_SETS = (*_TREE[:8], "cat_boundaries", "cat_threshold", *_TREE[8:])
_DECISIONS = {0, 1, 2, 4, 6, 8, 9, 10}
"""Bit 0: a set of categories; bit 1: missing goes left; bits 2 and 3: what is missing (1: zero, 2: NaN)."""


def stripped(text: str, columns: int, classes: int) -> bytes:
    """The text of a fitted booster without what predictions do not need."""
    _, *blocks = text[: text.index(_END)].split("Tree=")
    lines = [_header(columns, classes)]
    for number, block in enumerate(blocks):
        fields = dict(line.split("=", 1) for line in block.splitlines()[1:] if line)
        kept = {name: fields[name] for name in _lines_of(fields)}
        if "threshold" in kept:  # infinite where only missing values part; no column is as large as this
            kept["threshold"] = kept["threshold"].replace("inf", "1e300")
        lines.append(_rendered(number, kept))
    return ("".join(lines) + _END).encode("ascii")


def verified(content: bytes, columns: int, classes: int) -> str:
    """The text, safe to give to the library; ValueError where it is not as `stripped` writes it."""
    header = _header(columns, classes)
    if len(content) > MOST_BYTES or not content.isascii():
        raise ValueError("has trees that are no text, or too many of them")
    text = content.decode("ascii")
    if not (text.startswith(header) and text.endswith(_END)):
        raise ValueError(f"has trees that are not of {columns} columns and {classes} classes")
    blocks = text[len(header) : -len(_END)].split("Tree=")
    if blocks[0] or len(blocks) > _MOST_TREES or (len(blocks) - 1) % _trees_a_step(classes) or len(blocks) == 1:
        raise ValueError(f"has {len(blocks) - 1} trees, which do not fit its {classes} classes")
    for number, block in enumerate(blocks[1:]):
        try:
            fields = _checked(block, columns)
        except (ValueError, KeyError, IndexError, OverflowError) as exc:
            raise ValueError(f"has a tree {number} that is none") from exc
        if _rendered(number, fields) != f"Tree={block}":
            raise ValueError(f"has a tree {number} that is written in another way")
    return text


def _trees_a_step(classes: int) -> int:
    return 1 if classes == 2 else classes


def _header(columns: int, classes: int) -> str:
    step = _trees_a_step(classes)
    objective = "binary sigmoid:1" if classes == 2 else f"multiclass num_class:{classes}"
    names = " ".join(f"Column_{i}" for i in range(columns))
    return (
        f"tree\nversion=v4\nnum_class={step}\nnum_tree_per_iteration={step}\nlabel_index=0\n"
        f"max_feature_idx={columns - 1}\nobjective={objective}\nfeature_names={names}\n"
        f"feature_infos={' '.join(['none'] * columns)}\n\n"
    )


def _lines_of(fields: Mapping[str, str]) -> tuple[str, ...]:
    if fields["num_leaves"] == "1":
        return _STUMP
    return _TREE if fields["num_cat"] == "0" else _WITH_SETS


def _rendered(number: int, fields: Mapping[str, str]) -> str:
    return f"Tree={number}\n" + "".join(f"{name}={value}\n" for name, value in fields.items()) + "\n\n"


def _checked(block: str, columns: int) -> dict[str, str]:
    """The lines of a tree in order; ValueError (KeyError, IndexError) where they are not those of one."""
    fields = dict(line.split("=", 1) for line in block.splitlines()[1:] if line)
    if tuple(fields) != _lines_of(fields) or fields["is_linear"] != "0":
        raise ValueError
    leaves = int(fields["num_leaves"])
    if not 1 <= leaves <= _MOST_LEAVES:
        raise ValueError
    _numbers(fields["leaf_value"], leaves)
    _numbers(fields["shrinkage"], 1)
    if leaves == 1:
        if fields["num_cat"] != "0":
            raise ValueError
        return fields
    _integers(fields["split_feature"], leaves - 1, range(columns))
    thresholds = _numbers(fields["threshold"], leaves - 1)
    decisions = _integers(fields["decision_type"], leaves - 1, range(11))
    if not set(decisions) <= _DECISIONS:
        raise ValueError
    _check_sets(fields, [t for t, kind in zip(thresholds, decisions, strict=True) if kind & 1])
    _check_shape(fields, leaves)
    return fields


def _check_sets(fields: Mapping[str, str], thresholds: list[float]) -> None:
    """The sets of categories lie one after the other, and every split by one names one."""
    count = int(fields["num_cat"])
    if not len(thresholds) <= count < _MOST_LEAVES or any(t not in range(count) for t in thresholds):
        raise ValueError
    if count:
        bounds = _integers(fields["cat_boundaries"], count + 1, range(count * _MOST_WORDS + 1))
        if bounds[0] != 0 or any(not 0 < b - a <= _MOST_WORDS for a, b in pairwise(bounds)):
            raise ValueError
        _integers(fields["cat_threshold"], bounds[-1], range(2**32))


def _check_shape(fields: Mapping[str, str], leaves: int) -> None:
    """Every inner node but the first, and every leaf, has one parent, which comes before it."""
    children = [
        _integers(fields[side], leaves - 1, range(-leaves, leaves - 1)) for side in ("left_child", "right_child")
    ]
    if any(0 <= child <= node for side in children for node, child in enumerate(side)):
        raise ValueError
    if sorted(children[0] + children[1]) != [*range(-leaves, 0), *range(1, leaves - 1)]:
        raise ValueError


def _integers(words: str, count: int, allowed: range) -> list[int]:
    found = [int(word) for word in _words(words, count)]
    if any(number not in allowed for number in found):
        raise ValueError
    return found


def _numbers(words: str, count: int) -> list[float]:
    found = [float(word) for word in _words(words, count)]
    if not np.isfinite(found).all() or any(abs(number) > _LARGEST for number in found):
        raise ValueError
    return found


def _words(words: str, count: int) -> Iterator[str]:
    found = words.split(" ")
    if len(found) != count or any(not word or word.strip("0123456789+-.e") for word in found):
        raise ValueError
    return iter(found)
