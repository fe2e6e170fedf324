"""What an alert says without the numbers that change while it fires: short text that a metric may carry as a label."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache

from alerting.notifications.languages.amounts import amounts, plain
from alerting.notifications.languages.headline import OUTSIDE, summary
from alerting.notifications.languages.sentences import ENGLISH, Said, said_of, shipped
from alerting.specs.roster import BY_NAME

LONGEST = 160
_MOST_NAMED = 3
_SIDES = {key: side for side, key in OUTSIDE.items()}
_STEADY = ("column", "reason")
"""The names of details that are of the plant file or of a fixed list."""
_OF_MACHINES = ("sensor", *_STEADY)
"""Of machines also the sensors. The causes of other findings are no names alone: they can have numbers, lots, parts."""


@lru_cache(maxsize=10_000)
def steady_text(alert: str, condition: str, subject: str, details: str) -> str:
    """The English sentence of an alert with the sensors, features and reasons of its stored details (JSON, or '').

    At most `LONGEST` characters; '' for an alert that the program does not have.

    >>> hot = '[["outside_high",{"sensor":"heat"},{"value":[25.3,"degC"],"limit":[20.0,"number"]}]]'
    >>> steady_text("MachineOutOfSpec", "breach", "mill-2", hot)
    'mill-2 heat, high limit 20 degC'
    >>> steady_text("SensorStuck", "breach", "mill-2", '[["sensor",{"sensor":"heat"},{}]]')
    'a sensor of machine mill-2 repeats one value: heat'
    """
    english = shipped(ENGLISH)
    what = summary(english, alert, condition, subject)
    said = said_of(json.loads(details)) if details else ()
    of_machine = alert in BY_NAME and BY_NAME[alert].kind == "machine"
    parts = list(dict.fromkeys(_parts(said, _OF_MACHINES if of_machine else _STEADY)))
    more = "; ".join(parts[:_MOST_NAMED]) + ", ..." * (len(parts) > _MOST_NAMED)
    if not what or not more:
        return plain(what, LONGEST)
    outside = of_machine and said[0].key in _SIDES
    text = english.say("outside", subject=subject, what=more) if outside else f"{what}: {more}"
    return plain(text, LONGEST)


def _parts(details: Sequence[Said], allowed: Sequence[str]) -> Iterator[str]:
    for detail in details:
        names = [detail.names[name] for name in allowed if name in detail.names]
        if names and detail.key in _SIDES and "limit" in detail.amounts:
            unit = detail.amounts["value"][1] if "value" in detail.amounts else ""
            limit = amounts({"limit": (detail.amounts["limit"][0], unit)})["limit"]
            yield f"{names[0]}, {_SIDES[detail.key]} limit {limit}"
        elif names:
            yield " ".join(names)
