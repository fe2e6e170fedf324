"""Loads the plant file: reads it, applies overrides, validates it and keeps the text to which decisions refer.

    load("plant.yaml", ["server.port=9465"])   a LoadedPlant, or PlantFileError with a line for every problem
    examine("plant.yaml")                      the problems, and what of the plant can be used in spite of them
    parse(text, folder)                        the same from stored text

A problem reads `plant.yaml:12: sources.mes.urll: unknown key; allowed: at, ... (did you mean 'url'?)`: where, which
key, what was expected. Ranges are explained in `ranges.py`, `--set` in `overrides.py`, `${NAME}` in
`secrets.py`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from monitor.errors import PlantFileError
from monitor.plant import retention
from monitor.plant.file import yaml_tree
from monitor.plant.file.overrides import apply_overrides
from monitor.plant.file.paths import resolve
from monitor.plant.file.redaction import literal_secrets
from monitor.plant.file.secrets import fill_secrets
from monitor.plant.file.validate import validate
from monitor.plant.file.yaml_tree import Problem, Tree
from monitor.plant.messages import dotted
from monitor.plant.plant import Plant

MAX_BYTES = 256 * 1024
"""The largest plant file that is read: some thirty times the size of the demo's, validated within seconds."""
_RESTART = ("store.url", "server")
"""Keys that are read once, when the process starts."""


@dataclass(frozen=True, slots=True)
class LoadedPlant:
    """A plant with the text that it was read from.

    `text` is YAML with overrides applied and `${...}` as written; `redaction.py` keeps literal secrets from the store.
    `digest` is the SHA-256 of its UTF-8 bytes in hexadecimal, so that equal digests mean equal plant files.
    `plant` holds secrets and absolute paths.
    """

    plant: Plant = field(repr=False)
    text: str = field(repr=False)
    digest: str
    path: Path


@dataclass(frozen=True, slots=True)
class Examined:
    """The problems of a plant file, a line each, and the plant without the values that have problems.

    `plant` is None if nothing of it could be read; `flawed` holds the paths of the keys with problems; `warnings` are
    about what works but should not stand there.
    """

    problems: tuple[str, ...]
    plant: Plant | None = field(repr=False)
    flawed: frozenset[yaml_tree.Path]
    warnings: tuple[str, ...] = ()

    def is_sound(self, *section: str) -> bool:
        """Whether a section, such as `store` or `sources mes`, has no problem of its own."""
        return not any(path[: len(section)] == section[: len(path)] for path in self.flawed if path)


def examine(path: Path | str, overrides: Sequence[str] = (), environ: Mapping[str, str] = os.environ) -> Examined:
    """The plant file at a path, whatever its problems; PlantFileError if there is no such file.

    A retention that is too short counts as a problem here, while `load` takes it: what is still read is kept anyway.
    """
    tree = _tree(Path(path), overrides)[0]
    examined = _examined(tree, Path(path).parent, environ)
    if examined.plant is None:
        return examined
    short = [Problem(where, text) for where, text in retention.problems(examined.plant) if examined.is_sound(*where)]
    flawed = examined.flawed | {problem.path for problem in short}
    return replace(examined, problems=(*examined.problems, *tree.lines(short)), flawed=flawed)


def load(path: Path | str, overrides: Sequence[str] = (), environ: Mapping[str, str] = os.environ) -> LoadedPlant:
    """The plant file at a path, with `KEY=VALUE` overrides; PlantFileError with all problems."""
    tree, text = _tree(Path(path), overrides)
    plant = _plant(tree, Path(path).parent, environ)
    return _with_digest(plant, yaml_tree.dump(tree.value) if overrides else text, Path(path))


def parse(text: str, folder: Path, environ: Mapping[str, str] = os.environ, name: str = "plant.yaml") -> LoadedPlant:
    """The plant from text stored by an earlier `load`; paths are relative to `folder`, messages begin with `name`."""
    return _with_digest(_plant(yaml_tree.read(text, name), folder, environ), text, folder / name)


def difference(old: LoadedPlant, new: LoadedPlant) -> list[str]:
    """The dotted keys whose values differ, sorted; a key that only one side has is listed without those below it."""
    return sorted(_changes(old.plant.model_dump(), new.plant.model_dump(), ()))


def needs_restart(old: LoadedPlant, new: LoadedPlant) -> list[str]:
    """The differing keys that take effect only after a restart."""
    return [key for key in difference(old, new) if any(key == r or key.startswith(f"{r}.") for r in _RESTART)]


def _with_digest(plant: Plant, text: str, path: Path) -> LoadedPlant:
    return LoadedPlant(plant, text, hashlib.sha256(text.encode()).hexdigest(), path)


def _text(path: Path) -> str:
    """The file's text without a byte order mark."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise PlantFileError([f"{path}: is a folder; expected a plant file (YAML)"]) from None
    except FileNotFoundError:
        raise PlantFileError([f"{path}: no such file; expected a plant file (YAML)"]) from None
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or "not a path").lower()
        raise PlantFileError([f"{path}: cannot be read ({why}); expected a plant file (YAML)"]) from None
    if len(content) > MAX_BYTES:
        raise PlantFileError([f"{path}: larger than {MAX_BYTES} bytes; expected a plant file (YAML)"])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PlantFileError([f"{path}:{line}: not UTF-8; save the file as UTF-8"]) from None


def _tree(path: Path, overrides: Sequence[str]) -> tuple[Tree, str]:
    """The values of a plant file with the overrides applied, and its text."""
    text = _text(path)
    tree = yaml_tree.read(text, str(path))
    if tree.value is not None or not tree.problems:  # otherwise there is nothing to override
        apply_overrides(tree, overrides)
    return tree, text


def _plant(tree: Tree, folder: Path, environ: Mapping[str, str]) -> Plant:
    """The validated plant of a tree; PlantFileError with its problems in the order of the file."""
    examined = _examined(tree, folder, environ)
    if examined.plant is None or examined.problems:
        raise PlantFileError(examined.problems)
    return examined.plant


def _examined(tree: Tree, folder: Path, environ: Mapping[str, str]) -> Examined:
    remaining, problems = None, list(tree.problems)
    if tree.value is None and not problems:
        needed = [key for key, info in Plant.model_fields.items() if info.is_required()]
        problems = [Problem((), f"the file is empty; expected at least {', '.join(needed)}")]
    elif tree.value is not None:
        filled = fill_secrets(tree.value, environ, folder)
        broken = [problem.path for problem in problems if not problem.keeps_value]
        validated = validate(filled.value, tree.value, broken, [problem.path for problem in filled.problems])
        problems += filled.problems + [filled.conceal(problem) for problem in validated.problems]
        remaining = validated.plant if not problems else validated.remaining
    flawed = {problem.path for problem in problems}
    if remaining is not None and problems:
        sources = tree.value.get("sources") if isinstance(tree.value, dict) else None
        given = sources if isinstance(sources, dict) else {}
        flawed |= {("sources", name) for name in remaining.sources if name not in given}  # stand-ins
    warnings = tuple(tree.lines(literal_secrets(tree)))
    return Examined(tuple(tree.lines(problems)), remaining and resolve(remaining, folder), frozenset(flawed), warnings)


def _changes(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old.keys() | new.keys():
            here = (*path, key)
            if key in old and key in new:
                yield from _changes(old[key], new[key], here)
            else:
                yield dotted(here)
    elif old != new:
        yield dotted(path)
