"""The state of an event detector as versioned JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from detectors.events.charts import CHARTS, LONGEST, Newest
from detectors.events.events import Settings, State
from detectors.events.records import ARRAYS, COUNTS, Records
from detectors.events.season import CHARTS as DAILY
from detectors.events.season import SLOTS, Season
from detectors.shared.state import pack, require, require_version, unpack, whole_number
from monitor.model import Floats

VERSION = 1
_WHAT = "the events of a metric"
_SIDELESS = ("centre", "floor", "total")
_SEASON = ("first", "day", "days", "count", "learning", "course", "sums", "counts", "ring", "records")


def save(settings: Settings, state: State) -> dict[str, Any]:
    """The state as JSON values; arrays as text, without loss."""
    return {
        "version": VERSION,
        "identity": _identity(settings),
        "warming": [len(state.warming), pack(state.warming)],
        "times": [len(state.times), pack(state.times, "<i8")],
        "held": pack(state.held),
        "anchor": state.anchor,
        "scale": state.scale,
        "newest": None if state.newest is None else _save_newest(state.newest),
        "records": None if state.records is None else _save_records(state.records),
        "season": None if state.season is None else _save_season(state.season),
    }


def load(settings: Settings, saved: object) -> State:
    """The state that was given to `save`; ValueError where it is damaged or of other settings or another version."""
    require_version(saved, _WHAT, VERSION, _identity(settings))
    names = ("warming", "times", "held", "anchor", "scale", "newest", "records", "season")
    fields = require(saved, _WHAT, ("version", "identity", *names))
    try:
        rows, warming = fields["warming"]
        known, times = fields["times"]
        return State(
            unpack(warming, (whole_number(rows, "the warm-up"),)),
            unpack(times, (whole_number(known, "the times"),), "<i8"),
            unpack(fields["held"], (settings.quiet,)),
            float(fields["anchor"]),
            float(fields["scale"]),
            None if fields["newest"] is None else _load_newest(fields["newest"]),
            None if fields["records"] is None else _load_records(fields["records"], len(CHARTS)),
            None if fields["season"] is None else _load_season(fields["season"]),
        )
    except TypeError as exc:
        raise ValueError(f"the saved state of {_WHAT} is damaged; rebuild it from history") from exc


def _identity(settings: Settings) -> str:
    return f"warmup={settings.warmup} quiet={settings.quiet}"


def _save_newest(newest: Newest) -> dict[str, Any]:
    return {"ring": pack(newest.ring), "count": newest.count, "smoothed": newest.smoothed}


def _load_newest(saved: object) -> Newest:
    fields = require(saved, _WHAT, ("ring", "count", "smoothed"))
    return Newest(unpack(fields["ring"], (LONGEST,)), whole_number(fields["count"], "count"), float(fields["smoothed"]))


def _save_records(records: Records) -> dict[str, Any]:
    arrays = {name: pack(getattr(records, name)) for name in ARRAYS}
    return {**arrays, **{name: getattr(records, name) for name in COUNTS}}


def _load_records(saved: object, charts: int) -> Records:
    fields: Mapping[str, Any] = require(saved, _WHAT, (*ARRAYS, *COUNTS))
    arrays: dict[str, Floats] = {
        name: unpack(fields[name], (charts,) if name in _SIDELESS else (2, charts)) for name in ARRAYS
    }
    blocks, position, epoch = (whole_number(fields[name], name) for name in COUNTS)
    return Records(**arrays, blocks=blocks, position=position, epoch=epoch)


def _save_season(season: Season) -> dict[str, Any]:
    arrays = {name: pack(getattr(season, name)) for name in ("course", "sums", "counts", "ring")}
    plain = {name: getattr(season, name) for name in ("first", "day", "days", "count", "learning")}
    return {**arrays, **plain, "records": None if season.records is None else _save_records(season.records)}


def _load_season(saved: object) -> Season:
    fields = require(saved, _WHAT, _SEASON)
    course, sums, counts = (np.asarray(unpack(fields[name], (SLOTS,))) for name in ("course", "sums", "counts"))
    day, days, count = (whole_number(fields[name], name) for name in ("day", "days", "count"))
    records = None if fields["records"] is None else _load_records(fields["records"], len(DAILY))
    ring = unpack(fields["ring"], (LONGEST,))
    learning = bool(fields["learning"])
    return Season(int(fields["first"]), course, sums, counts, ring, day, days, count, records, learning)
