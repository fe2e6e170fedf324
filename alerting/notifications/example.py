"""A test message, with an alert as the team will read it."""

from __future__ import annotations

from datetime import datetime, timedelta

from alerting.notifications.decide import Episode, Kind, Message, Note
from alerting.notifications.describe import MessageContext
from alerting.notifications.languages.headline import OUTSIDE
from alerting.notifications.languages.sentences import Said
from alerting.notifications.text import Text, message_text
from alerting.specs.spec import Unit

_SENSOR = Said(
    OUTSIDE["high"], {"sensor": "temperature"}, {"value": (25.3, "degC"), "limit": (20.0, Unit.NUMBER)}
)  # fmt: skip


def example_text(team: str, key: str, machine: str, line: str, now: datetime, context: MessageContext) -> Text:
    """A test in the words of a team: that nothing is to be done, then how an alert on a machine reads."""
    words = context.words_of(team)
    alert = Episode(
        0, "MachineOutOfSpec", machine, "critical", team, line, "", now - timedelta(minutes=5), details=(_SENSOR,)
    )
    note = Note(team, line, "", 1, Kind.OPENED, now, (alert,), (), ())
    shown = message_text(Message(key, (note,)), context)
    said = f"{words.say('test_body', team=team)}\n{words.say('test_example')}\n\n{shown.body}"
    return Text(words.say("test_title", team=team, site=context.site), said)
