"""The sentences of one language: read from a file, checked against the English ones, filled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, NamedTuple

import yaml

from alerting.notifications.languages.amounts import NAME_LENGTH, TEXT_LENGTH, Amount, amounts, plain
from alerting.specs.roster import ALERTS
from alerting.specs.spec import AlertSpec

ENGLISH = "en"
_FOLDER = Path(__file__).parent
LANGUAGES = tuple(sorted(file.stem for file in _FOLDER.glob("*.yaml")))
"""The languages that are shipped."""
_KEYS = ("language", "decimal", "sentences", "alerts")
_LONG = ("text",)
"""Fields that hold a text instead of a name."""

Texts = Mapping[str, str]


class Said(NamedTuple):
    """Something to be said, in no language: the key of a sentence, the names and the amounts that are filled in."""

    key: str
    names: Mapping[str, str] = {}
    amounts: Mapping[str, Amount] = {}


def said_of(stored: object) -> tuple[Said, ...]:
    """What was stored as JSON of a list of `Said`."""
    rows = stored if isinstance(stored, list) else []
    return tuple(
        Said(key, names, {name: (float(value), str(unit)) for name, (value, unit) in numbers.items()})
        for key, names, numbers in rows
    )


@dataclass(frozen=True, slots=True)
class Sentences:
    """The sentences of a language by key, and those of each alert: summary, cause, do, and absent and reads if any."""

    decimal: str = "."
    sentences: Texts = field(default_factory=dict)
    alerts: Mapping[str, Texts] = field(default_factory=dict)

    def say(self, key: str, **fields: str) -> str:
        """A sentence with texts filled in, which are made harmless; nothing in them is a placeholder."""
        return self.sentences[key].format_map(_harmless(fields))

    def of_alert(self, alert: str, key: str, **fields: str) -> str:
        """A sentence of an alert; '' where it has none, or is unknown."""
        return self.alerts.get(alert, {}).get(key, "").format_map(_harmless(fields))

    def detail(self, alert: str, said: Said) -> str:
        """What was said of an alert, in this language; `reads` is the alert's own sentence. '' if it is unknown."""
        sentence = self.alerts.get(alert, {}).get("reads") if said.key == "reads" else self.sentences.get(said.key)
        fields = _harmless(said.names) | self.amounts(said.amounts)
        return sentence.format_map(fields) if sentence and _fields(sentence) <= fields.keys() else ""

    def amounts(self, values: Mapping[str, Amount]) -> dict[str, str]:
        """Amounts as this language writes them."""
        return {name: text.replace(".", self.decimal, 1) for name, text in amounts(values).items()}


def _harmless(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: text if name in _COMPOSED else plain(text, _length(name)) for name, text in fields.items()}


_COMPOSED = ("what", "where", "more", "url", "first", "since", "names")
"""Fields that hold what was made of sentences already."""


def _length(name: str) -> int:
    return TEXT_LENGTH if name in _LONG else NAME_LENGTH


def _fields(sentence: str) -> set[str]:
    """The placeholders of a sentence; ValueError unless each is a bare name."""
    found = set()
    for _, name, form, conversion in Formatter().parse(sentence):
        if name is None:
            continue
        if not name.isidentifier() or form or conversion:
            raise ValueError
        found.add(name)
    return found


def of_spec(spec: AlertSpec) -> Texts:
    """The English sentences of an alert."""
    texts = {"summary": spec.summary, "cause": spec.cause, "do": spec.action, "absent": spec.absent}
    return {key: text for key, text in {**texts, "reads": spec.reads}.items() if text}


@cache
def shipped(language: str) -> Sentences:
    """The sentences of a language of `LANGUAGES`. English has those of the alerts from their specs."""
    content = yaml.safe_load((_FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    if language == ENGLISH:
        return Sentences(content["decimal"], content["sentences"], {spec.name: of_spec(spec) for spec in ALERTS})
    return _over(content, shipped(ENGLISH))


def read(text: str) -> Sentences:
    """The sentences of a file: those that it has, and the others of its `language`, by default English.

    ValueError with a sentence for each problem: no YAML, an unknown key, a placeholder that is not one of the sentence.
    """
    content = _content(text)
    language = content.get("language", ENGLISH)
    if language not in LANGUAGES:
        raise ValueError(f"unknown language {language!r}; allowed: {', '.join(LANGUAGES)}")
    return _over(content, shipped(str(language)))


def _over(content: Mapping[str, Any], base: Sentences) -> Sentences:
    own, alerts = content.get("sentences", {}), content.get("alerts", {})
    problems = [*_problems("sentences", own, base.sentences)]
    for name, texts in _mapping("alerts", alerts).items():
        if name not in base.alerts:
            problems.append(f"alerts: unknown alert {name!r}")
        else:
            problems += _problems(f"alerts.{name}", texts, base.alerts[name])
    if problems:
        raise ValueError("\n".join(problems))
    merged = {name: {**texts, **alerts.get(name, {})} for name, texts in base.alerts.items()}
    return Sentences(str(content.get("decimal", base.decimal)), {**base.sentences, **own}, merged)


def _content(text: str) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ValueError("not valid YAML") from None
    content = _mapping("the file", content)
    unknown = [key for key in content if key not in _KEYS]
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}; allowed: {', '.join(_KEYS)}")
    return content


def _mapping(where: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: expected a mapping (keys and values)")
    return value


def _problems(where: str, given: object, known: Texts) -> Iterator[str]:
    for key, sentence in _mapping(where, given).items():
        if key not in known:
            yield f"{where}: unknown sentence {key!r}"
        elif not isinstance(sentence, str) or not sentence.strip():
            yield f"{where}.{key}: expected text that is not empty"
        elif not _allowed(sentence, known[key]):
            allowed = ", ".join(f"{{{name}}}" for name in sorted(_fields(known[key]))) or "none"
            yield f"{where}.{key}: expected no placeholders but {allowed}"


def _allowed(sentence: str, known: str) -> bool:
    try:
        return _fields(sentence) <= _fields(known)
    except ValueError:  # also one that is not closed
        return False
