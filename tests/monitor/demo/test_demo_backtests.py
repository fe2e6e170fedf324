"""Episodes of a backtest against the truth: right ones, faults found, and how soon."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from spine_kit import T0

from alerting.alerts.backtest import Episode
from alerting.alerts.budgets import Judgement
from monitor.demo import backtests
from monitor.demo.truth import FILE, MARK, read_truth
from monitor.demo.watching import Reach
from monitor.errors import MonitorError

HOUR = timedelta(hours=1)
NOBODY = cast(Any, None)


def _fault(kind: str, start: datetime, subject: str, beyond: datetime | None = None) -> dict[str, Any]:
    return {
        "kind": kind, "subject": subject, "step": "form", "start": start.isoformat(),
        "beyond_limits_from": beyond and beyond.isoformat(),
    }  # fmt: skip


def _episode(name: str, subject: str, hours: float) -> Episode:
    at = T0 + hours * HOUR
    return Episode(name, "breach", subject, at, at + HOUR / 2, at + HOUR)


FAULTS = [
    (_fault("stuck_sensor", T0, "m1"), Reach({"m1": (T0, T0 + 5 * HOUR)}, {})),
    (_fault("stuck_sensor", T0 + 10 * HOUR, "m2"), Reach({"m2": (T0 + 10 * HOUR, T0 + 15 * HOUR)}, {})),
    (_fault("slow_wear", T0, "m1", T0 + 9 * HOUR), Reach({"m1": (T0, T0 + 12 * HOUR)}, {})),
]


@pytest.mark.parametrize(
    ("episodes", "found"),
    [
        ([], {"SensorStuck": (0, 0, 0, 2, None), "MachineWearing": (0, 0, 0, 1, None)}),
        (
            [_episode("SensorStuck", "m1", 1), _episode("SensorStuck", "m2", 12), _episode("SensorStuck", "m2", 14)],
            {"SensorStuck": (3, 3, 2, 2, 1.5)},
        ),
        ([_episode("SensorStuck", "m2", 1)], {"SensorStuck": (0, 1, 0, 2, None)}),
        ([_episode("MachineWearing", "m1", 6)], {"MachineWearing": (1, 1, 1, 1, -2.5)}),
        ([_episode("SourceStale", "mes", 1)], {"SourceStale": (0, 1, 0, 0, None)}),
        ([_episode("Watchdog", "site", 1)], {"Watchdog": None}),
    ],
    ids=["nothing fired", "both found", "at another place", "before its level", "what no fault causes", "not judged"],
)
def test_episodes_are_judged_by_the_faults(
    episodes: list[Episode], found: dict[str, tuple[Any, ...] | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtests, "reaches_until", lambda *_: iter(FAULTS))
    judged = backtests.judged_by_truth(NOBODY, NOBODY, {}, episodes, T0, T0 + 24 * HOUR)
    for name, expected in found.items():
        if expected is None:
            assert name not in judged
            continue
        *counts, hours = expected
        assert judged[name] == Judgement(*counts, None if hours is None else hours * HOUR)


def test_only_a_demo_has_a_truth(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{}")
    assert read_truth(tmp_path) is None
    (tmp_path / MARK).touch()
    assert read_truth(tmp_path) == {}
    (tmp_path / FILE).write_text("{")
    with pytest.raises(MonitorError, match="cannot be read"):
        read_truth(tmp_path)
