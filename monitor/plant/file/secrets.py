"""In a value, `${NAME}` is replaced by an environment variable and `${file:PATH}` by the content of a file.

`$${` stands for a literal `${`. Secrets are only substituted in the plant in memory: the stored text, its digest and
every message contain the `${...}`. A password or token in the file itself works too, but `gatewatch check` warns of it,
and the store keeps `***` in its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any

from monitor.plant.file.yaml_tree import Path, Problem
from monitor.plant.messages import describe_value

MAX_SECRET = 65_536
_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)(\}|)")
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _UnresolvedError(ValueError):
    """A reference that cannot be resolved; the message contains the reference, never a value."""


@dataclass(slots=True)
class Filled:
    """Values with secrets filled in, and the reference (`${...}`) at each path where one was."""

    value: Any = None
    references: dict[Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def conceal(self, problem: Problem) -> Problem:
        """The problem with the quoted text in its message replaced, if there is a secret at or below its path.

        Messages quote all values, so that no part of a secret can remain, however it was truncated or escaped.
        """
        if not any(path[: len(problem.path)] == problem.path for path in self.references):
            return problem
        quoted = self.references.get(problem.path, "...")
        sentence = _QUOTED.sub(lambda _: f"'{quoted}'", problem.sentence.partition(" (did you mean")[0])
        return replace(problem, sentence=sentence)


def fill_secrets(value: Any, environ: Mapping[str, str], folder: FilePath) -> Filled:
    """A copy of the values with all references resolved; those that cannot be resolved are reported as problems."""
    filled = Filled()
    filled.value = _walk(value, (), filled, environ, folder)
    return filled


def _walk(value: Any, path: Path, filled: Filled, environ: Mapping[str, str], folder: FilePath) -> Any:
    if isinstance(value, dict):
        return {key: _walk(inner, (*path, key), filled, environ, folder) for key, inner in value.items()}
    if isinstance(value, list):
        return [_walk(inner, (*path, i), filled, environ, folder) for i, inner in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    try:
        resolved = _REFERENCE.sub(lambda match: _resolve(match, environ, folder), value)
    except _UnresolvedError as error:
        filled.problems.append(Problem(path, str(error)))
        return value
    filled.references[path] = _truncated(value)
    return resolved


def _resolve(match: re.Match[str], environ: Mapping[str, str], folder: FilePath) -> str:
    if match.group() == "$${":
        return "${"
    name = match[1]
    if not match[2]:
        raise _UnresolvedError("'${' is not closed; expected ${NAME} or ${file:PATH}, and $${ for a plain ${")
    if name.startswith("file:"):
        return _secret_file(folder / name.removeprefix("file:"), match.group())
    if not _VARIABLE.fullmatch(name):
        raise _UnresolvedError(f"{_truncated(match.group())}: expected ${{NAME}} or ${{file:PATH}}")
    if name not in environ:
        raise _UnresolvedError(f"environment variable {name} is not set")
    return environ[name]


def _secret_file(path: FilePath, reference: str) -> str:
    """The content of the file without line breaks at its end."""
    quoted = _truncated(reference)
    try:
        if path.exists() and not path.is_file():
            raise _UnresolvedError(f"{quoted}: expected a file, found something else")
        with path.open("rb") as file:
            content = file.read(MAX_SECRET + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, _UnresolvedError):
            raise
        why = (getattr(error, "strerror", None) or "not a path").lower()
        raise _UnresolvedError(f"{quoted}: the file cannot be read ({why})") from None
    if len(content) > MAX_SECRET:
        raise _UnresolvedError(f"{quoted}: expected a file of at most {MAX_SECRET} bytes")
    try:
        return content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise _UnresolvedError(f"{quoted}: expected UTF-8 text") from None


def _truncated(text: str) -> str:
    return describe_value(text).strip("'\"")
