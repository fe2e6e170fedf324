"""Notifications outside the outbox: the file of URLs, sending to one of them, test notifications."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from alerting.notifications.decide import stamp
from alerting.notifications.receivers import Parsed, Receivers, parse
from alerting.notifications.text import Advice, MessageContext
from alerting.specs.roster import ALERTS
from exporters.delivery import notify_log
from exporters.delivery.roster import channel_for
from exporters.metrics.shared.labels import TEAMS
from monitor.errors import DeliveryError, DeliveryReason, UsageError
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
    problems = list(_parsed(plant.notify).problems)
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
    """The result of a test notification: its id, and for each URL the error, None where it was delivered."""

    id: str
    errors: tuple[str | None, ...]


def send_test(plant: Plant, receivers: Receivers, team: str, now: datetime) -> TestResult:
    """Send a test to each URL of a team and to the log, but not through the outbox."""
    key = f"{team}:test:{stamp(now)}"
    text = {
        "id": key, "title": f"test for {team}, site {plant.site}",
        "body": f"This is a test: notifications for {team} arrive here. No action is needed.\n\nid {key}",
    }  # fmt: skip
    line = text | {"at": now.isoformat(), "team": team, "site": plant.site, "notifications": []}
    notify_log.send(plant.notify.log, line)
    errors: list[str | None] = []
    for number in range(1, len(receivers[team]) + 1):
        try:
            send(receivers, text | {"team": team, "url": number, "mood": "info"})
            errors.append(None)
        except DeliveryError as exc:
            errors.append(str(exc))
    return TestResult(key, tuple(errors))


def message_context(plant: Plant) -> MessageContext:
    """What the texts of notifications show of the plant and the alerts."""
    steps = {name: name for name in plant.steps}
    steps |= {name: machine.step for name, machine in plant.machines.items()}
    steps |= {name: gate.step for name, gate in plant.gates.items()}
    advice = {
        spec.name: Advice(spec.cause, spec.action, f"docs/runbooks/{spec.name}.md", spec.measured) for spec in ALERTS
    }
    pages = plant.server.public_url or ""
    return MessageContext(
        plant.site, lambda subject: steps.get(subject, ""), lambda name: advice.get(name, Advice()), pages
    )


def _parsed(config: NotifyConfig) -> Parsed:
    if config.urls_file is None:
        return Parsed({})
    where = f"notify.urls_file: {config.urls_file}"
    try:
        text = _text(Path(config.urls_file))
    except (OSError, ValueError) as exc:
        # A ValueError here is about the file's encoding or size.
        reason = (getattr(exc, "strerror", None) or str(exc)).lower()
        return Parsed({}, (f"{where}: cannot be read ({reason}); expected a team and an Apprise URL on each line",))
    parsed = parse(text, TEAMS, lambda url: channel_for(url).accepts(url))
    return Parsed(parsed.receivers, tuple(f"{where}, {problem}" for problem in parsed.problems))


def _text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ValueError(f"larger than {_MAX_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
