"""Whether people can live with the alarms of a demo: `python -m benchmarks.bench_calm [--demo FOLDER]`.

The figures of alarm quality of its newest 7 days, by team, by the same function as the report, the page and the
metrics. Without `--demo` it runs one of 7 days with the faults of the script, as `gatewatch demo` takes no others. The
bar: for every team at most 1 alarm in ten minutes on average and 10 in any ten minutes, none that chatters, fewer than
5 that stand. A demo evaluates its alerts every 30 minutes: what fires in between counts as at one instant, so the most
in ten minutes is rather too large, and nothing can fire three times within an hour, so nothing is said of chattering.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from alerting.quality.figures import CHATTERING, CHATTERING_WITHIN, AlarmQuality, TeamAlarms
from benchmarks.bench_demo import run_demo
from monitor.plant.file.load import load
from monitor.store.database import tables as t
from monitor.store.database.schema import open_existing
from monitor.store.report.alarms import newest_start, quality_between

_DAYS = 7
_CHATTERS = "none chatters"
_BARS = {
    "mean of at most 1 in ten minutes": lambda team: team.in_ten_minutes <= 1,
    "at most 10 in any ten minutes": lambda team: team.most <= 10,
    _CHATTERS: lambda team: team.chattering == 0,
    "fewer than 5 stand": lambda team: team.standing < 5,
}


def figures(folder: Path) -> dict[str, Any]:
    """The figures of the newest 7 days of a finished demo."""
    plant = load(folder / "plant.yaml").plant
    store = open_existing(plant.store.url)
    try:
        with store.read() as connection:
            end = connection.scalar(sa.select(sa.func.max(t.job.c.last_slot)))
            if end is None:
                raise SystemExit(f"bench_calm: {folder} has no run of a job: it is no finished demo")
            start = newest_start(connection, end)
            found = quality_between(connection, start, end)
    finally:
        store.close()
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return {
        "from": start.isoformat(), "to": end.isoformat(), "days": round((end - start) / timedelta(days=1), 2),
        "alerts_every_minutes": plant.alerts.every / timedelta(minutes=1),
        "faults": [fault["kind"] for fault in truth["faults"]],
        "teams": {team.team: _told(team) for team in found.teams},
        "bars": _bars(found, plant.alerts.every),
        **_lists(found),
    }  # fmt: skip


def _bars(found: AlarmQuality, every: timedelta) -> dict[str, bool | None]:
    """Whether each holds for all teams; None where evaluations were too rare to tell."""
    held: dict[str, bool | None] = {name: all(map(holds, found.teams)) for name, holds in _BARS.items()}
    # Between two firings there is an evaluation at which the alert does not fire.
    if (CHATTERING - 1) * 2 * every >= CHATTERING_WITHIN:
        held[_CHATTERS] = None
    return held


def _told(team: TeamAlarms) -> dict[str, Any]:
    values: Mapping[str, Any] = team._asdict()
    return {
        name: round(value, 4) if isinstance(value, float) else str(value) if isinstance(value, timedelta) else value
        for name, value in values.items()
        if name != "team"
    }


def _lists(found: AlarmQuality) -> dict[str, Any]:
    return {
        "most_frequent": [f"{one.name} {one.subject}: {one.times} ({one.share:.0%})" for one in found.worst],
        "chattering": [f"{one.name} {one.subject}" for one in found.chattering],
        "standing": [f"{one.name} {one.subject} since {one.since.isoformat()}" for one in found.standing],
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, help="the folder of a finished demo")
    parser.add_argument("--seed", type=int, default=1, help="of the demo that is run without --demo")
    options = parser.parse_args()
    if options.demo is not None:
        found = figures(options.demo)
    else:
        with tempfile.TemporaryDirectory() as folder:
            run_demo(options.seed, True, _DAYS, Path(folder) / "demo")
            found = figures(Path(folder) / "demo")
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
