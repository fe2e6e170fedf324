"""Passwords and tokens that a plant file holds literally, not as `${NAME}`: where they are, and the text without them.

The store keeps the text of each plant file, and with it whatever is written there. What is kept has `***` for each; its
digest stays that of the file as it was used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from monitor.plant.file import yaml_tree
from monitor.plant.file.yaml_tree import Path, Problem, Tree
from monitor.plant.messages import field_type, is_model, strip_annotations
from monitor.plant.plant import Plant
from monitor.plant.types import Secret

HIDDEN = "***"
_WORDS = r"(?:\w*(?:password|passwd|passphrase|secret|token|pwd|api_?key|access_?key)\w*)"
# The user's name ends at the first colon, the password at the last '@', as databases' drivers read them.
_IN_URL = (
    re.compile(r"(?P<head>\b[A-Za-z][\w+.-]*://[^\s:/@?#'\"]*:)(?P<secret>[^\s'\"]+)(?P<end>@)"),
    re.compile(rf"(?P<head>[?&;]{_WORDS}(?:=|%3D))(?P<secret>[^\s&;#'\"%]+)(?P<end>)", re.IGNORECASE),
    re.compile(r"(?P<head>(?:\b|%3B|%26)(?:pwd|password)(?:=|%3D))(?P<secret>[^\s&;#'\"%]+)(?P<end>)", re.IGNORECASE),
)
_ADDRESS = re.compile(r"://[^@]{0,300}?(?P<harmless>:(?:\$\{[^{}]*\}|\*\*\*))?@")
_REFERENCE = re.compile(r"\$\{[^{}]*\}")


def literal_secrets(tree: Tree) -> list[Problem]:
    """A sentence for each key whose value holds a password or a token, in the order of the file."""
    return [
        Problem(
            path,
            f"{what} is written in the file; write ${{NAME}} in its place and set the environment variable NAME, "
            "or ${file:PATH} and put it in a file",
        )
        for path, what in _found(tree.value, ())
    ]


def redacted(text: str) -> str:
    """The text of a plant file without literal secrets: unchanged if there are none, else its values with `***`."""
    if not _suspicious(text):
        return text
    tree = yaml_tree.read(text, "")
    if tree.value is None:
        return text
    if any(_found(tree.value, ())):
        return yaml_tree.dump(_hidden(tree.value, ()))
    # What is left is in a comment, or looks like a secret and is none.
    return text if _hidden_text(text) == text else yaml_tree.dump(tree.value)


def _suspicious(text: str) -> bool:
    """Whether it is worth reading; every plant file of a store is looked at whenever a process starts."""
    return (
        any(not match["harmless"] for match in _ADDRESS.finditer(text))
        or re.search(rf"{_WORDS}['\"]?\s*(?:[:=]|%3D)\s*(?!['\"]?(?:\$\{{|\*\*\*))", text, re.IGNORECASE) is not None
        or re.search(r"\\[xuU/]", text) is not None  # characters that are written in another way
    )


def _found(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _found(inner, (*path, key))
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from _found(inner, (*path, n))
    elif isinstance(value, str) and _is_token(path) and _is_literal(value):
        yield path, "a secret"
    elif isinstance(value, str) and _hidden_text(value) != value:
        yield path, "a password"


def _hidden(value: Any, path: Path) -> Any:
    if isinstance(value, dict):
        return {key: _hidden(inner, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_hidden(inner, (*path, n)) for n, inner in enumerate(value)]
    if not isinstance(value, str):
        return value
    return HIDDEN if _is_token(path) and _is_literal(value) else _hidden_text(value)


def _hidden_text(text: str) -> str:
    """Text with the passwords of all addresses in it replaced."""
    for pattern in _IN_URL:
        text = pattern.sub(
            lambda match: match["head"] + (HIDDEN if _is_literal(match["secret"]) else match["secret"]) + match["end"],
            text,
        )
    return text


def _is_literal(secret: str) -> bool:
    """Whether it is no reference, and not hidden already."""
    plain = secret.replace("$${", "")
    return _REFERENCE.search(plain) is None and secret not in (HIDDEN, "")


def _is_token(path: Path) -> bool:
    return path in _TOKENS


def _tokens(model: type[BaseModel], at: Path) -> Iterator[Path]:
    """The keys whose whole value is secret, unlike that of an address."""
    whole = get_args(Secret)[-1]
    for key, info in model.model_fields.items():
        core, marks = strip_annotations(field_type(info))
        if whole in marks:
            yield (*at, key)
        elif is_model(core):
            yield from _tokens(core, (*at, key))


_TOKENS = frozenset(_tokens(Plant, ()))
