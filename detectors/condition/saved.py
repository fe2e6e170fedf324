"""A reference and what moves with the rows as JSON values; arrays as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np

from detectors.condition.autoregression import Autoregression
from detectors.condition.balance import Balance
from detectors.condition.levels import LevelChart
from detectors.condition.reference import Reference
from detectors.condition.residuals import ResidualChart
from detectors.condition.scatter import Scatter, ScatterChart
from detectors.condition.scoring import Running
from detectors.condition.settings import Settings
from detectors.condition.standard import Last
from detectors.shared.state import pack, require, unpack, whole_number
from monitor.model import Floats

_SINGLE = "<f4"
_NUMBERS = ("balance_freedom", "balance_limit", "residual_flag", "residual_page", "scatter_centre", "scatter_spread")
_REFERENCE = (
    "centre", "scale", "moves", "level", "level_flag", "level_page", "balance", "precision", "wanders", "step",
    "coefficients", "whitening",
)  # fmt: skip
_RUNNING = tuple(field.name for field in fields(Running))


def save_reference(reference: Reference) -> dict[str, Any]:
    """The reference; what is in single precision already is saved so."""
    level, balance, residual = reference.level, reference.balance, reference.residual
    model = residual.model
    limits = (
        balance.freedom,
        balance.limit,
        residual.flag,
        residual.page,
        reference.scatter.centre,
        reference.scatter.spread,
    )
    single = {
        "level": level.forward, "level_flag": level.flag, "level_page": level.page,
        "balance": balance.forward, "precision": np.triu(balance.precision),
        "step": model.step, "coefficients": model.coefficients, "whitening": model.whitening,
    }  # fmt: skip
    return {
        "centre": pack(reference.centre), "scale": pack(reference.scale), "moves": pack(reference.moves, "u1"),
        "wanders": pack(model.wanders, "u1"), "false_alarm_rows": reference.settings.false_alarm_rows,
        **{name: pack(values, _SINGLE) for name, values in single.items()},
        **dict(zip(_NUMBERS, map(float, limits), strict=True)),
    }  # fmt: skip


def load_reference(saved: object, width: int, settings: Settings) -> Reference:
    """The reference that was saved, of `width` sensors; ValueError when it is incomplete or damaged."""
    given = require(saved, "a reference", (*_REFERENCE, *_NUMBERS, "false_alarm_rows"))
    numbers = {name: _number(given[name]) for name in (*_NUMBERS, "false_alarm_rows")}
    shapes = {
        "level": (width,), "level_flag": (width,), "level_page": (width,),
        "balance": (width,), "precision": (width, width), "step": (width,),
        "coefficients": (settings.lags * width, width), "whitening": (width, width),
    }  # fmt: skip
    single = {name: unpack(given[name], shape, _SINGLE).astype(np.float64) for name, shape in shapes.items()}
    upper = single["precision"]
    flags = {name: unpack(given[name], (width,), "u1").astype(bool) for name in ("moves", "wanders")}
    model = Autoregression(
        flags["wanders"], single["step"], single["coefficients"], single["whitening"], settings.lags, settings.lag_clip
    )
    return Reference(
        replace(settings, false_alarm_rows=numbers["false_alarm_rows"]), unpack(given["centre"], (width,)),
        unpack(given["scale"], (width,)), flags["moves"],
        LevelChart(single["level"], single["level_flag"], single["level_page"]),
        Balance(
            upper + np.triu(upper, 1).T, numbers["balance_freedom"], single["balance"], numbers["balance_limit"],
        ),
        ResidualChart(model, numbers["residual_flag"], numbers["residual_page"]),
        ScatterChart(numbers["scatter_centre"], numbers["scatter_spread"]),
    )  # fmt: skip


def save_running(running: Running) -> dict[str, Any]:
    """What moves with the rows."""
    plain = {name: getattr(running, name) for name in _RUNNING if name not in ("last", "scatter")}
    saved = {name: pack(value) if isinstance(value, np.ndarray) else value for name, value in plain.items()}
    return {
        **saved,
        "last": pack(running.last.rows),
        "missing": pack(running.last.missing, "<i8"),
        "scatter": asdict(running.scatter),
    }


def load_running(saved: object, width: int, settings: Settings) -> Running:
    """What was given to `save_running`; ValueError when it is incomplete or damaged."""
    given: Mapping[str, Any] = require(saved, "what moves with the rows", (*_RUNNING, "missing"))
    before = (settings.lags + 1, width)

    def row(name: str) -> Floats:
        return unpack(given[name], (width,))

    return Running(
        Last(unpack(given["last"], (2, width)), unpack(given["missing"], (width,), "<i8")),
        unpack(given["before"], before), unpack(given["dead"], before).astype(bool), row("level"),
        _number(given["residual"]), row("bias"), row("normal_sum"), whole_number(given["normal"], "normal"),
        whole_number(given["counted"], "counted"), row("blamed"), _scatter(given["scatter"]),
    )  # fmt: skip


def _scatter(saved: object) -> Scatter:
    given = require(saved, "the scatter", tuple(field.name for field in fields(Scatter)))
    total, mean, rise, least, score = (_number(given[name]) for name in ("total", "mean", "sum", "least", "score"))
    rows, blocks = (whole_number(given[name], name) for name in ("rows", "blocks"))
    return Scatter(total, rows, blocks, mean, rise, least, score)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("the saved state of a reference is damaged; rebuild it from history")
    return float(value)
