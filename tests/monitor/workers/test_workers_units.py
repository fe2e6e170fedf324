"""Which jobs go together and who runs them: cases whose ids are sentences."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from monitor.plant.plant import Plant
from monitor.runtime.workers.turns import Turns
from monitor.runtime.workers.units import Unit, idle_workers, spread, units_of

NORTH_SOUTH = {"north": ["m1", "m2"], "south": ["m3"]}


def plant(sources: Mapping[str, Mapping[str, Any]], machines: int = 3, workers: int = 0) -> Plant:
    """Machines m1, m2, ... with two sensors, and sources of readings, of the sensor force unless they say more."""
    columns = {"kind": "readings", "url": "sqlite:///x.db", "table": "T", "at": "at", "machine": "unit"}
    return Plant.model_validate(
        {
            "version": 1, "site": "here", "steps": {"forging": {"line": "l"}}, "jobs": {"workers": workers},
            "machines": {
                f"m{n}": {"step": "forging", "sensors": {"force": {}, "speed": {}}} for n in range(1, machines + 1)
            },
            "sources": {name: {**columns, "values": {"force": "f"}, **keys} for name, keys in sources.items()},
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sources", "units"),
    [
        pytest.param({"a": {}}, [Unit(("pull:a",), ("detect:a",), 3)], id="a source without partitions is one unit"),
        pytest.param(
            {"a": {"partitions": NORTH_SOUTH}},
            [
                Unit(("pull:a:north",), ("detect:a:north",), 2),
                Unit(("pull:a:south",), ("detect:a:south",), 1),
            ],
            id="partitions that feed no machine together are units",
        ),
        pytest.param(
            {"a": {"partitions": NORTH_SOUTH}, "b": {"values": {"speed": "s"}, "partitions": NORTH_SOUTH}},
            [
                Unit(("pull:a:north", "pull:b:north"), ("detect:a:north+b:north",), 2),
                Unit(("pull:a:south", "pull:b:south"), ("detect:a:south+b:south",), 1),
            ],
            id="two sources of the same machines go together",
        ),
        pytest.param(
            {
                "a": {"partitions": NORTH_SOUTH},
                "b": {"values": {"speed": "s"}, "partitions": {"x": ["m2", "m3"], "y": ["m1"]}},
            },
            [
                Unit(
                    ("pull:a:north", "pull:b:y", "pull:b:x", "pull:a:south"),
                    ("detect:a:north+b:y", "detect:a:north+b:x", "detect:a:south+b:x"),
                    3,
                )
            ],
            id="machines tie partitions together from one to the next",
        ),
    ],
)  # fmt: skip
def test_units(sources: Mapping[str, Mapping[str, Any]], units: Sequence[Unit]) -> None:
    found = units_of(plant(sources))
    assert [(set(unit.pulls), set(unit.judges), unit.machines) for unit in found] == [
        (set(unit.pulls), set(unit.judges), unit.machines) for unit in units
    ]


def test_a_pull_that_feeds_no_machine_is_a_unit_too() -> None:
    loose = plant({"a": {"partitions": {"all": ["m1"]}}, "b": {"values": {"other": "o"}}}, machines=1)
    assert units_of(loose)[-1] == Unit(("pull:a:all",), ("detect:a:all",), 1)
    assert units_of(loose)[0] == Unit(("pull:b",))


def sized(*machines: int) -> list[Unit]:
    """Units p0, p1, ... of so many machines."""
    return [Unit((f"p{n}",), (f"d{n}",), of) for n, of in enumerate(machines)]


@pytest.mark.parametrize(
    ("machines", "workers", "shares"),
    [
        pytest.param((3, 2), 0, [], id="no workers"),
        pytest.param((), 4, [], id="nothing to share"),
        pytest.param((3, 2), 1, ["p0 d0 p1 d1"], id="one worker has all"),
        pytest.param((3, 2), 4, ["p0 d0", "p1 d1"], id="no more workers than units"),
        pytest.param((1, 1, 2, 4), 2, ["p3 d3", "p2 d2 p0 d0 p1 d1"], id="as many machines on each"),
        pytest.param((2, 2, 2), 2, ["p0 d0 p2 d2", "p1 d1"], id="equal ones by turns"),
        pytest.param((0, 0, 0), 2, ["p0 d0 p2 d2", "p1 d1"], id="without machines by turns too"),
    ],
)
def test_spread(machines: Sequence[int], workers: int, shares: Sequence[str]) -> None:
    units = sized(*machines)
    assert [" ".join(jobs) for jobs in spread(units, workers)] == shares
    assert spread(list(reversed(units)), workers) == spread(units, workers)


@pytest.mark.parametrize(
    ("workers", "sources", "told"),
    [
        pytest.param(0, {"a": {}}, None, id="no workers"),
        pytest.param(2, {"a": {"partitions": NORTH_SOUTH}}, None, id="one for each group"),
        pytest.param(2, {"a": {}}, "2, but the pulls of readings fall into 1 group ", id="one too many"),
        pytest.param(
            3, {"a": {"partitions": NORTH_SOUTH}}, "3, but the pulls of readings fall into 2 groups ", id="many"
        ),
    ],
)
def test_workers_without_work_are_told(
    workers: int, sources: Mapping[str, Mapping[str, Any]], told: str | None
) -> None:
    found = idle_workers(plant(sources, workers=workers))
    assert [sentence.removeprefix("jobs.workers: ").startswith(str(told)) for sentence in found] == [True] * bool(told)


def test_turns_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    turns, taken = Turns(), list[int]()

    def take(number: int) -> None:
        with turns:
            taken.append(number)

    threads = [threading.Thread(target=take, args=(n,)) for n in range(5)]
    with turns:
        for number, thread in enumerate(threads):
            thread.start()
            while turns._given < number + 2:
                pass
        assert taken == []
    for thread in threads:
        thread.join()
    assert taken == [0, 1, 2, 3, 4]
