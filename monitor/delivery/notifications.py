"""Notifications outside the outbox: the file of URLs, sending to one of them, test notifications."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from alerting.alerts.in_force import line_of
from alerting.notifications.decide import stamp
from alerting.notifications.describe import MessageContext
from alerting.notifications.example import example_text
from alerting.notifications.languages.sentences import ENGLISH, LANGUAGES, Sentences, read, shipped
from alerting.notifications.receivers import Parsed, Receivers, parse
from exporters.delivery import notify_log
from exporters.delivery.roster import channel_for
from exporters.metrics.shared.labels import TEAMS
from monitor.errors import DeliveryError, DeliveryReason, UsageError
from monitor.files import read_text
from monitor.plant.plant import Plant
from monitor.plant.watching import NotifyConfig

_MAX_BYTES = 65_536


def receivers_of(plant: Plant) -> Receivers:
    """The URLs of each team; UsageError with a sentence for each problem of the file."""
    parsed = _parsed(plant.notify)
    if parsed.problems:
        raise UsageError("\n".join(parsed.problems))
    return parsed.receivers


def problems(plant: Plant) -> list[str]:
    """Every problem of `notify`, a sentence each."""
    problems = [*_parsed(plant.notify).problems, *_words(plant.notify)[1]]
    if not notify_log.accepts(plant.notify.log):
        problems.append(f"notify.log: the folder {Path(plant.notify.log).parent} does not exist; create it")
    return problems


def send(receivers: Receivers, payload: Mapping[str, Any]) -> None:
    """Send one message to one URL; a DeliveryError names the team and the URL's number, never the URL."""
    team, number = str(payload["team"]), int(payload["url"])
    urls = receivers.get(team, ())
    try:
        if number > len(urls):
            raise DeliveryError("it is no longer in notify.urls_file", DeliveryReason.REFUSED)
        url = urls[number - 1]
        channel_for(url).send(url, payload)
    except DeliveryError as exc:
        raise DeliveryError(f"notify: URL {number} of {team}: {exc}", exc.reason) from None


@dataclass(frozen=True, slots=True)
class TestResult:
    """A test notification: its id and text, and for each URL the error, None where it was delivered."""

    id: str
    text: str
    errors: tuple[str | None, ...]


def send_test(plant: Plant, receivers: Receivers, team: str, now: datetime) -> TestResult:
    """Send a test to each URL of a team and to the log, but not through the outbox."""
    key = f"{team}:test:{stamp(now)}"
    machine = next((name for name, machine in plant.machines.items() if machine.sensors), plant.site)
    example = example_text(team, key, machine, line_of(plant, "machine", machine), now, message_context(plant))
    text = {"id": key, "title": example.title, "body": example.body}
    line = text | {"at": now.isoformat(), "team": team, "site": plant.site, "notifications": []}
    notify_log.send(plant.notify.log, line)
    errors: list[str | None] = []
    for number in range(1, len(receivers[team]) + 1):
        try:
            send(receivers, text | {"team": team, "url": number, "mood": "info"})
            errors.append(None)
        except DeliveryError as exc:
            errors.append(str(exc))
    return TestResult(key, f"{example.title}\n{example.body}", tuple(errors))


def message_context(plant: Plant) -> MessageContext:
    """What the texts of notifications show of the plant and the alerts."""
    steps = {name: name for name in plant.steps}
    steps |= {name: machine.step for name, machine in plant.machines.items()}
    steps |= {name: gate.step for name, gate in plant.gates.items()}
    words, problems = _words(plant.notify)
    if problems:
        raise UsageError("\n".join(problems))
    return MessageContext(
        plant.site, lambda subject: steps.get(subject, ""), lambda team: words.get(team, shipped(ENGLISH)),
        plant.server.public_url or "", plant.alerts.runbooks, plant.time_zone,
    )  # fmt: skip


def _words(config: NotifyConfig) -> tuple[Mapping[str, Sentences], list[str]]:
    """The sentences of each team that has others than the English ones, and a sentence for each problem."""
    words, problems = {}, []
    for team, language in config.language.items():
        if team not in TEAMS:
            problems.append(f"notify.language: unknown team {team!r}; allowed: {', '.join(TEAMS)}")
            continue
        try:
            words[team] = shipped(language) if language in LANGUAGES else read(read_text(Path(language), _MAX_BYTES))
        except (OSError, ValueError) as exc:
            wanted = f"cannot be read; expected {', '.join(LANGUAGES)} or the path of a file of sentences"
            reasons = [wanted] if isinstance(exc, OSError) else str(exc).splitlines()
            problems += [f"notify.language.{team}: {language}: {reason}" for reason in reasons]
    return words, problems


def _parsed(config: NotifyConfig) -> Parsed:
    if config.urls_file is None:
        return Parsed({})
    where = f"notify.urls_file: {config.urls_file}"
    try:
        text = read_text(Path(config.urls_file), _MAX_BYTES)
    except (OSError, ValueError) as exc:
        # A ValueError here is about the file's encoding or size.
        reason = (getattr(exc, "strerror", None) or str(exc)).lower()
        return Parsed({}, (f"{where}: cannot be read ({reason}); expected a team and an Apprise URL on each line",))
    parsed = parse(text, TEAMS, lambda url: channel_for(url).accepts(url))
    return Parsed(parsed.receivers, tuple(f"{where}, {problem}" for problem in parsed.problems))
