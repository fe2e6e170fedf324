"""Random histories of a plant: what happened, and how the news of it reached the MES."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from arrival_plant import UNDATED, Change
from spine_kit import T0

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
SPAN = 8 * HOUR
"""What happens, happens within this time of T0; the passages of the gate are entered after all else has settled."""
LATEST = 6 * HOUR
"""How late the last word on a row is at most."""
SETTLED = T0 + 27 * HOUR
"""All words were found by then: rows are compared again a day after the first comparison."""
END = SETTLED + 2 * HOUR
Word = tuple[Any, ...]
_STATES = ("run", "idle", "setup", "down")


@dataclass
class History:
    """Changes of the MES in order of time, when the process reads it, and what is true in the end.

    `truth`: by table and key the last word; `plain`: the last words as rows in order of their process time.
    """

    changes: list[Change] = field(default_factory=list)
    steps: list[datetime] = field(default_factory=list)
    truth: dict[tuple[Any, ...], Word] = field(default_factory=dict)
    plain: list[Change] = field(default_factory=list)
    deleted: dict[str, int] = field(default_factory=dict)


class Writer:
    """Writes a random history. `punctual`: every word comes within `late_by`, and nothing is changed later."""

    def __init__(self, seed: int, punctual: bool) -> None:
        self._rng = random.Random(seed)
        self._punctual = punctual
        self._ids = 0
        self.history = History()

    def write(self) -> History:
        """The history."""
        self._steps()
        self._machines()
        self._parts()
        self.history.changes.sort(key=lambda c: c.when)
        self.history.plain.sort(key=lambda c: c.when)
        return self.history

    def _steps(self) -> None:
        """When there is a process that reads: at irregular times, with a pause of hours."""
        rng, now = self._rng, T0 + MINUTE
        pause = rng.uniform(0, 14) * HOUR
        while now < T0 + SPAN + LATEST + HOUR:
            self.history.steps.append(now)
            now += rng.choice([7, 40, 90, 200]) * MINUTE
            if now - T0 > pause:
                now, pause = now + rng.uniform(2, 6) * HOUR, timedelta(days=9)
        self.history.steps += [SETTLED - 2 * HOUR, SETTLED - HOUR]

    def _machines(self) -> None:
        rng = self._rng
        minutes = sorted(rng.sample(range(1, int(SPAN / MINUTE)), rng.randint(50, 110)))
        for machine in ("m1", "m2"):
            for minute in (0, *minutes):
                at = T0 + minute * MINUTE
                pairs = [{"heat": self._value(), "speed": self._value()} for _ in range(3)]
                self._row("plc", {"eq": machine}, at, pairs, surely=minute == 0)
        for minute in (0, *minutes):
            at = T0 + minute * MINUTE + rng.choice([0, 0, 20]) * timedelta(seconds=1)
            self._row("tags", {"eq": "m1", "tag": "force"}, at, self._values("val"), surely=minute == 0)
        for i, minute in enumerate((0, *minutes[::20])):
            words = [{"state": rng.choice(_STATES)} for _ in range(3)]
            self._row("states", {"eq": "m1"}, T0 + minute * MINUTE, words, surely=i == 0 or self._punctual)

    def _parts(self) -> None:
        """Parts pass twice or thrice, some serials belong to two parts in turn."""
        rng = self._rng
        for i in range(rng.randint(6, 14)):
            serial, used = f"P{i}", set[datetime]()
            at = T0 + rng.uniform(0, 4) * HOUR if i else T0 - 3 * HOUR
            for visit in range(1, rng.choice([2, 2, 3, 4])):
                at = _whole(at + rng.uniform(1, 90) * MINUTE)
                lot = {"op": "form", "pass": visit, "lot": f"L{visit}"}
                pairs = [{"a": self._value(), "b": self._value()} for _ in range(3)]
                self._row("form", {"sn": serial, **lot}, at, pairs, surely=i == 0)
                wash = at + rng.randint(-20, 30) * MINUTE
                if wash not in used and (i == 0 or rng.random() < 0.9):
                    used.add(wash)
                    self._row("wash", {"sn": serial, "op": "wash", "eq": "m1"}, wash, self._values("c"), surely=i == 0)
                coat = {"sn": serial, "op": "coat", "pass": visit}
                self._gate(coat, at + rng.randint(1, 40) * MINUTE)
                measured = at + rng.randint(41, 80) * MINUTE
                self._row("outcomes", {"sn": serial}, measured, self._values("width"), surely=i == 0)
                words = [{"what": rng.choice(["scrapped", "used", "reworked"])} for _ in range(3)]
                self._row("dispositions", {"sn": serial}, measured, words, surely=i == 0)

    def _value(self) -> float:
        return float(self._rng.randint(1, 400)) / 8

    def _values(self, name: str) -> list[dict[str, Any]]:
        return [{name: self._value()} for _ in range(3)]

    def _gate(self, key: dict[str, Any], at: datetime) -> None:
        """A passage of the gate's step, entered after all else, in any order, now and then twice."""
        when = SETTLED + self._rng.uniform(0, 30) * MINUTE
        word = {"d": self._value()}
        for _ in range(self._rng.choice([1, 1, 2])):
            self._write(when, "coat", self._new_id(), {**key, **word, "at": at, "known": _whole(when)})
        self._true("coat", key, at, word)

    def _row(self, table: str, key: dict[str, Any], at: datetime, words: list[dict[str, Any]], surely: bool) -> None:
        """A row and what becomes of it; `surely`: it comes at once and stays as it is."""
        known, life = _whole(at), "plain" if surely else self._life(table)
        entered = known if surely or life == "deleted" else known + self._delay()
        row = self._new_id()
        times = {"at": known} | ({} if table in UNDATED else {"known": known})
        first = {**key, **words[0], **times}
        self._write(entered, table, row, first)
        if life == "deleted":
            read = next(step for step in self.history.steps if step > entered)
            if read < SETTLED - 2 * HOUR:  # else nobody looks at that hour again before the end
                self._write(read + MINUTE, table, row, None)
                self.history.deleted[table] = self.history.deleted.get(table, 0) + 1
        elif life == "repeated":
            self._write(entered + self._delay(), table, self._new_id(), first)
        elif life in ("corrected", "taken back"):
            chosen = words[1:2] if life == "corrected" else [words[1], words[0]]
            words = [chosen[-1]]
            self._correct(table, row, first, chosen, entered)
        self._true(table, key, known, words[0])

    def _correct(
        self, table: str, row: int, first: dict[str, Any], words: list[dict[str, Any]], entered: datetime
    ) -> None:
        """Later words on a row: in place or, where rows say when they became known, as a further row."""
        known, in_place = first.get("known"), table in UNDATED or self._rng.random() < 0.5
        for word in words:
            entered += self._delay() + timedelta(seconds=2)
            changed = {**first, **word}
            if known is not None:
                known = max(known + timedelta(seconds=1), _whole(entered) - self._rng.choice([0, 1, 200]) * MINUTE)
                changed["known"] = known
            self._write(entered, table, row if in_place else self._new_id(), changed)

    def _life(self, table: str) -> str:
        lives = ["plain"] * 5 + ["repeated", "corrected", "taken back"]
        if not self._punctual:
            lives += ["deleted", "corrected", "taken back"]
        return self._rng.choice(lives)

    def _delay(self) -> timedelta:
        """How much later the next thing happens; at most three in a row."""
        if self._punctual:
            return self._rng.choice([0, 0, 30, 90]) * timedelta(seconds=1)
        return self._rng.choice([0, 0, 0, 2, 30, 100, 118]) * MINUTE

    def _new_id(self) -> int:
        self._ids += 1
        return self._ids

    def _write(self, when: datetime, table: str, row: int, values: dict[str, Any] | None) -> None:
        self.history.changes.append(Change(when, table, row, values))

    def _true(self, table: str, key: dict[str, Any], at: datetime, word: dict[str, Any]) -> None:
        times = {"at": at} | ({} if table in UNDATED else {"known": at})
        self.history.plain.append(Change(at, table, self._new_id(), {**key, **word, **times}))
        if table == "plc":
            for sensor, value in word.items():
                self.history.truth["reading", key["eq"], sensor, at] = (value,)
        elif table == "tags":
            self.history.truth["reading", key["eq"], key["tag"], at] = (word["val"],)
        elif table in ("form", "wash", "coat"):
            of = (key["sn"], key["op"], key["pass"]) if "pass" in key else (key["sn"], key["op"])
            self.history.truth["part", *of, at] = (word,)
        else:
            self.history.truth[table, *key.values(), at] = tuple(word.values())


def _whole(at: datetime) -> datetime:
    return at.replace(microsecond=0)
