"""The sentences of messages in every language, and a plant's own file."""

from __future__ import annotations

from pathlib import Path
from string import Formatter

import pytest
import yaml

from alerting.notifications.decide import Kind
from alerting.notifications.languages import sentences
from alerting.notifications.languages.amounts import number
from alerting.notifications.languages.sentences import LANGUAGES, Sentences, of_spec, read, shipped
from alerting.specs.roster import ALERTS
from detectors.attribution.causes import CauseKind
from exporters.metrics.shared.labels import SEVERITIES, outside_limit

OTHERS = [language for language in LANGUAGES if language != "en"]
FOLDER = Path(sentences.__file__).parent


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def flat(words: Sentences) -> dict[str, set[str]]:
    found = {key: fields(text) for key, text in words.sentences.items()}
    return found | {f"{alert}.{key}": fields(t) for alert, ts in words.alerts.items() for key, t in ts.items()}


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_says_everything_with_the_same_fields(language: str) -> None:
    """From its file alone: what it lacks would be English."""
    content = yaml.safe_load((FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    own = Sentences(content["decimal"], content["sentences"], content["alerts"])
    assert flat(own) == flat(shipped("en"))


@pytest.mark.parametrize("language", OTHERS)
def test_no_sentence_of_a_language_is_the_english_one(language: str) -> None:
    english, other = shipped("en"), shipped(language)
    neutral = {
        key for key, text in english.sentences.items() if not Formatter().vformat(text, (), Blank()).strip(" :;,()")
    }
    same = {key for key, text in english.sentences.items() if other.sentences[key] == text}
    assert same <= neutral
    assert [
        f"{alert}.{key}"
        for alert, texts in english.alerts.items()
        for key in texts
        if other.alerts[alert][key] == texts[key]
    ] == []


class Blank(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def test_every_severity_kind_and_cause_has_a_sentence() -> None:
    known = shipped("en").sentences
    assert {*SEVERITIES, *(f"cause_{kind.value}" for kind in CauseKind)} <= known.keys()
    # What is only in the log is titled as the end that it is.
    assert {f"title_{kind.value}" for kind in Kind if kind is not Kind.CLOSED} <= known.keys()


def test_every_alert_says_what_is_wrong_why_and_what_to_do() -> None:
    assert all({"summary", "cause", "do"} <= of_spec(spec).keys() for spec in ALERTS)
    assert {spec.name for spec in ALERTS if spec.measured} == {spec.name for spec in ALERTS if spec.reads}


def test_the_index_page_says_the_same_of_a_sensor() -> None:
    said = shipped("en").say("outside_high", sensor="t1", value="75 degC", limit=number(60.0))
    assert said == outside_limit("t1", 75.0, 60.0, "degC")


def test_a_file_of_ones_own_changes_what_it_has_and_leaves_the_rest() -> None:
    words = read(
        "language: de\nalerts:\n  SensorDead:\n    do: Die Schicht {subject} rufen\n".replace(" {subject}", "")
    )
    assert words.of_alert("SensorDead", "do") == "Die Schicht rufen"
    assert words.of_alert("SensorDead", "summary", subject="m1").startswith("ein Sensor der Maschine m1")
    assert words.decimal == ","


REFUSED = {
    "no YAML": ("a: [", "not valid YAML"),
    "no mapping": ("- 1", "the file: expected a mapping (keys and values)"),
    "an unknown key": ("sentence: {}", "unknown key 'sentence'; allowed: language, decimal, sentences, alerts"),
    "an unknown language": ("language: xx", "unknown language 'xx'; allowed: de, en"),
    "an unknown sentence": ("sentences: {doo: x}", "sentences: unknown sentence 'doo'"),
    "an unknown alert": ("alerts: {Dead: {do: x}}", "alerts: unknown alert 'Dead'"),
    "another placeholder": ("sentences: {do: '{who}'}", "sentences.do: expected no placeholders but {what}"),
    "an attribute": ("sentences: {do: '{what.__class__}'}", "sentences.do: expected no placeholders but {what}"),
    "a width": ("sentences: {do: '{what:>999999999}'}", "sentences.do: expected no placeholders but {what}"),
    "an open brace": ("sentences: {do: '{what'}", "sentences.do: expected no placeholders but {what}"),
    "nothing": ("sentences: {do: ''}", "sentences.do: expected text that is not empty"),
    "a number": ("alerts: {SensorDead: {do: 3}}", "alerts.SensorDead.do: expected text that is not empty"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_of_ones_own_is_refused_in_a_sentence(case: str) -> None:
    text, sentence = REFUSED[case]
    with pytest.raises(ValueError, match=r"^") as refused:
        read(text)
    assert str(refused.value) == sentence
