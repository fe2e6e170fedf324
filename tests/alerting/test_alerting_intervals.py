"""The time_intervals of a plant: accepted by Alertmanager, and on exactly when the plant's own times are."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from alert_plant import PLANT
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st
from promtool_kit import tool

from alerting.alerts.intervals import once, time_intervals, weekly
from alerting.alerts.servers import alertmanager
from monitor.cli import cli
from monitor.plant.calendar import DAYS, Hours, Maintenance, Once, QuietHours, Shift, after_midnight, is_within
from monitor.plant.plant import Plant

BERLIN = "Europe/Berlin"
# When clocks change: by an hour, by half of one, at midnight, and over a whole day of the calendar.
CHANGES = {
    BERLIN: ("2026-03-29T01:00", "2026-10-25T01:00"),
    "America/New_York": ("2026-03-08T07:00", "2026-11-01T06:00"),
    "Australia/Lord_Howe": ("2026-04-04T15:00", "2026-10-03T15:30"),
    "America/Havana": ("2024-03-10T05:00", "2024-11-03T05:00"),
    "America/Sao_Paulo": ("2018-11-04T03:00", "2019-02-17T02:00"),
    "Pacific/Apia": ("2011-12-30T10:00", "2012-03-31T14:00"),
}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

clocks = st.builds(lambda hour, minute: f"{hour:02}:{minute:02}", st.integers(0, 23), st.integers(0, 59))
near = st.one_of(clocks, st.sampled_from(["00:00", "01:00", "01:30", "02:00", "02:30", "03:00", "23:00", "23:30"]))
hours = st.builds(
    Hours, start=near, end=near, days=st.sets(st.sampled_from(DAYS), min_size=1).map(lambda days: ",".join(days))
)
places = st.sampled_from([(zone, at) for zone, both in CHANGES.items() for at in both])


def contains(intervals: Sequence[dict[str, Any]], at: datetime) -> bool:
    """As Alertmanager's `timeinterval` does: any of them whose every given field has the instant, by its zone."""
    return any(_contains(interval, at.astimezone(ZoneInfo(interval["location"]))) for interval in intervals)


def _contains(interval: dict[str, Any], wall: datetime) -> bool:
    minute = wall.hour * 60 + wall.minute
    times = [
        after_midnight(one["start_time"]) <= timedelta(minutes=minute) < after_midnight(one["end_time"])
        for one in interval.get("times", [])
    ]
    fields = {"days_of_month": wall.day, "months": wall.month, "years": wall.year}
    ranges = [
        any(value in _range(text) for text in interval[name]) for name, value in fields.items() if name in interval
    ]
    return any(times or [True]) and all(ranges) and _WEEKDAYS[wall.weekday()] in interval.get("weekdays", _WEEKDAYS)


def _range(text: str) -> range:
    first, _, last = text.partition(":")
    return range(int(first), int(last or first) + 1)


def _twice(wall: datetime) -> bool:
    """Whether the clocks show a local time twice."""
    return wall.replace(fold=0).astimezone(UTC) < wall.replace(fold=1).astimezone(UTC)


def _met_twice(one: Hours, local: datetime) -> bool:
    """Whether the hours begin or end at a local time that comes twice, on a day near an instant."""
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [midnight + timedelta(days=n) for n in (-1, 0, 1)]
    return any(_twice(day + after_midnight(clock)) for day in days for clock in (one.start, one.end))


@given(st.lists(hours, min_size=1, max_size=3), places, st.integers(-4 * 86400, 4 * 86400))
@example([Hours(start="22:00", end="06:00")], (BERLIN, "2026-10-25T01:00"), 0)
@example([Hours(start="02:30", end="05:00")], (BERLIN, "2026-03-29T01:00"), 0)
@pytest.mark.slow
def test_weekly_hours_are_on_when_ours_are(windows: list[Hours], place: tuple[str, str], seconds: int) -> None:
    zone, change = place
    at = datetime.fromisoformat(change).replace(tzinfo=UTC) + timedelta(seconds=seconds)
    local = at.astimezone(ZoneInfo(zone))
    if _twice(local) and any(_met_twice(one, local) for one in windows):
        return  # what time_intervals cannot say
    assert contains(weekly(windows, zone), at) == is_within(windows, zone, at)


@pytest.mark.parametrize(
    ("start", "end", "theirs"), [("01:00", "02:30", True), ("02:30", "05:00", False)], ids=["its end", "its start"]
)
def test_in_a_repeated_hour_alertmanager_goes_by_the_clock(start: str, end: str, theirs: bool) -> None:
    second = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 for the second time
    window = [Hours(start=start, end=end)]
    assert contains(weekly(window, BERLIN), second) is theirs
    assert is_within(window, BERLIN, second) is not theirs


seconds_of_years = st.integers(0, 6 * 365 * 86400)
instants = seconds_of_years.map(lambda seconds: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))


@given(instants, st.timedeltas(timedelta(seconds=1), timedelta(days=1500)), st.floats(-0.2, 1.2))
@example(datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=365), 0.5)
@example(datetime(2024, 2, 28, tzinfo=UTC), timedelta(days=2), 0.99)
@example(datetime(2026, 3, 2, 5, 0, 10, tzinfo=UTC), timedelta(seconds=40), 0.5)
def test_what_comes_once_is_on_in_each_of_its_whole_minutes(start: datetime, long: timedelta, part: float) -> None:
    end = start + long
    made = once(Once(start=start, end=end))
    for at in (start + part * long, start, start + timedelta(minutes=1), end - timedelta(minutes=1), end):
        minute = at.replace(second=0, microsecond=0)
        assert contains(made, at) == (start <= minute and minute + timedelta(minutes=1) <= end)


@pytest.fixture
def plant(good_plant: Plant) -> Plant:
    """With every kind of time."""
    belts = {"name": "belts", "reason": "new belts", "machines": ["mill-2"]}
    cleaning = {"name": "cleaning", "reason": "cleaning", "lines": ["blades"]}
    shifts = [Shift(name="early", start="06:00", end="14:00", days="mon-fri"),
              Shift(name="early", start="07:00", end="12:00", days="sat"),
              Shift(name="night", start="22:00", end="06:00")]  # fmt: skip
    seconds = Once(start="2026-03-02T06:00:10Z", end="2026-03-02T06:00:50Z")
    quiet = {"engineers": [QuietHours(start="20:00", end="06:00")]}
    update = {
        "time_zone": BERLIN, "shifts": shifts,
        "maintenance": [
            Maintenance(**belts, once=Once(start="2026-03-02T06:00:00+01:00", end="2031-04-05T07:30:00Z")),
            Maintenance(**cleaning, weekly=Hours(start="22:00", end="06:00", days="fri")),
            Maintenance(**belts | {"name": "a.b-c"}, once=seconds),
        ],
        "notify": good_plant.notify.model_copy(update={"quiet": quiet}),
    }  # fmt: skip
    return good_plant.model_copy(update=update)


def test_every_time_of_the_plant_has_a_name(plant: Plant) -> None:
    made = {one["name"]: one["time_intervals"] for one in time_intervals(plant)}
    assert list(made) == [
        "maintenance_belts", "maintenance_cleaning", "maintenance_a.b-c", "quiet_engineers", "shift_early",
        "shift_night",
    ]  # fmt: skip
    saturday = {"weekdays": ["saturday"], "times": [{"start_time": "07:00", "end_time": "12:00"}], "location": BERLIN}
    assert saturday in made["shift_early"]
    assert made["maintenance_a.b-c"] == [], "it holds no whole minute"


def test_the_route_to_gatewatch_is_never_muted(plant: Plant) -> None:
    route = yaml.safe_load(alertmanager(intervals=time_intervals(plant)))["route"]
    assert route == yaml.safe_load(alertmanager())["route"]
    assert not {"mute_time_intervals", "active_time_intervals"} & set(route)


def test_the_command_prints_what_the_plant_file_says(tmp_path: Path) -> None:
    (tmp_path / "plant.yaml").write_text(f"{PLANT}\nshifts: [{{name: early, start: '06:00', end: '14:00'}}]\n")
    said = CliRunner().invoke(cli, ["alerts", "alertmanager", "-p", str(tmp_path / "plant.yaml")])
    assert said.exit_code == 0, said.output
    assert [one["name"] for one in yaml.safe_load(said.output)["time_intervals"]] == ["shift_early"]


@pytest.mark.process
def test_alertmanager_takes_them_in_routes_of_ones_own(plant: Plant, tmp_path: Path) -> None:
    config = yaml.safe_load(alertmanager(intervals=time_intervals(plant)))
    names = [one["name"] for one in config["time_intervals"]]
    config["receivers"].append({"name": "pager", "webhook_configs": [{"url": "http://127.0.0.1:1/"}]})
    config["route"]["routes"] = [
        {"receiver": "gatewatch", "continue": True},
        {"receiver": "pager", "matchers": ['team="engineers"'], "mute_time_intervals": names},
    ]
    file = tmp_path / "alertmanager.yml"
    file.write_text(yaml.safe_dump(config))
    done = subprocess.run([tool("amtool"), "check-config", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    command = [tool("amtool"), "config", "routes", "test", f"--config.file={file}"]
    for labels, receivers in ((["team=engineers"], "gatewatch,pager"), (["team=operators"], "gatewatch")):
        said = subprocess.run([*command, *labels], capture_output=True, text=True, check=True)
        assert said.stdout.strip() == receivers
