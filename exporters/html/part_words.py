"""The values of a passport (`monitor.reports.passport`) in words, for the page and the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from exporters.html.formatting import decimals, format_value, percent, plain

When = Callable[[str | None], str]
"""A time of a passport in words."""


def clock(at: str | None) -> str:
    """A time of a passport in UTC, to the minute."""
    return "-" if at is None else at[:16].replace("T", " ")


def predicted(one: Mapping[str, Any]) -> str:
    """Value and interval in the characteristic's unit; '' where nothing was predicted."""
    if one["predicted"] is None or one["classes"] is not None:
        return ""
    value, lower, upper = (in_unit(one, one[name]) for name in ("predicted", "lower", "upper"))
    held = f", {one['coverage']:.0%} of such intervals hold" if one["coverage"] else ""
    by = " by the forecast" if one["by"] == "forecast" else ""
    return f"{one['characteristic']} {value} ({lower} to {upper}) {one['unit']}".rstrip() + f"{by}{held}"


def in_unit(one: Mapping[str, Any], value: float) -> str:
    """A number of the characteristic, as exact as the decision's interval is wide."""
    if one["lower"] is None or one["upper"] is None:
        return plain(value, 6)
    spec = one["specification"] or {}
    return plain(value, decimals(one["lower"], one["upper"], (spec.get("lower"), spec.get("upper"))))


def specification(one: Mapping[str, Any]) -> str:
    """The specification and the rework range; '' where none is known."""
    spec = one["specification"]
    if spec is None:
        return ""
    named = [f"{name} {in_unit(one, spec[name])}" for name in ("lower", "target", "upper") if spec[name] is not None]
    rework = [f"{width:.6g} {side}" for side, width in spec["rework"].items() if width]
    more = f"; can be corrected {' and '.join(rework)}" if rework else ""
    return f"{', '.join(named)} {spec['unit']}".rstrip() + more


def classes(one: Mapping[str, Any]) -> str:
    """Each class with its probability and what it means."""
    return ", ".join(
        f"{row['name']} {percent(row['probability'])}" + (f" ({row['means']})" if row["means"] else "")
        for row in one["classes"] or ()
    )


def action(row: Mapping[str, Any]) -> str:
    """An action as people call it: what is to be set to what, its correction, or the verdict."""
    return str(row["name"])


def ruled_out(one: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The actions that could not be recommended whatever they cost."""
    return [row for row in one["alternatives"] if row["ruled_out"]]


def model(one: Mapping[str, Any], when: When = clock) -> str:
    """The version, when it was trained and on how many parts, and since when it was in force."""
    found = one["model"]
    if found is None:
        return ""
    trained = f", trained {when(found['trained_at'])} on {found['trained_on']} parts" if "trained_at" in found else ""
    since = f", in force since {when(found['in_force_since'])}" if found["in_force_since"] else ""
    return f"{found['name']} {found['version']}{trained}{since}"


def waits(one: Mapping[str, Any], when: When = clock) -> str:
    """Whether a hold still waits, and until when."""
    found = one["waits"]
    if found is None:
        return ""
    if not found["waits"]:
        return "no longer waits"
    due = f", due {when(found['due'])}" if found["due"] else ""
    return f"{'OVERDUE' if found['overdue'] else 'waits for a decision'}{due}"


def delivery(row: Mapping[str, Any], when: When = clock) -> str:
    """A message to the MES: sent when, or why not."""
    if row["status"] == "sent":
        return f"sent to {row['channel']} {when(row['sent_at'] or row['created_at'])}"
    state = "not sent yet" if row["status"] == "pending" else "could not be sent"
    return f"{row['channel']}: {state}" + (f" ({row['error']})" if row["error"] else "")


def outcome(row: Mapping[str, Any], one: Mapping[str, Any] | None = None) -> str:
    """An outcome with its unit, and whether it is inside the specification."""
    value = row["name"] or ("no value" if row["value"] is None else f"{row['value']:.6g}")
    unit = f" {one['unit']}" if one and one["unit"] and not row["name"] else ""
    return f"{value}{unit}{ {True: ' inside', False: ' outside'}.get(row['inside'], '') }"


def given_input(row: Mapping[str, Any]) -> str:
    """An input with its value and unit."""
    return f"{row['name']} {format_value(row['value'])} {row['unit']}".rstrip()


def span(decision: Mapping[str, Any]) -> tuple[float, float] | None:
    """The range of a picture of an interval beside its limits and outcomes; None where there is nothing to draw."""
    spec = decision["specification"]
    if decision["lower"] is None or decision["upper"] is None or spec is None:
        return None
    limits = [spec[name] for name in ("lower", "upper") if spec[name] is not None]
    found = [row["value"] for row in decision["outcomes"] if row["value"] is not None]
    values = [decision["lower"], decision["upper"], *limits, *found]
    # Where a value lies beyond a limit, the rework range on that side is of interest too.
    if spec["lower"] is not None and min(values) < spec["lower"]:
        values.append(spec["lower"] - spec["rework"]["below"])
    if spec["upper"] is not None and max(values) > spec["upper"]:
        values.append(spec["upper"] + spec["rework"]["above"])
    low, high = min(values), max(values)
    room = (high - low) / 10 or abs(high) / 10 or 1.0
    return low - room, high + room


def short_prediction(row: Mapping[str, Any]) -> str:
    """The interval of a listed decision in its unit; of classes, how probable it is that the part does not go on."""
    value, lower, upper = row["predicted"], row["lower"], row["upper"]
    if value is None or lower is None or upper is None:
        return ""
    if lower == upper:
        return f"{percent(value)} not good" if 0 <= value <= 1 else format_value(value)
    digits = decimals(lower, upper, ())
    return f"{plain(lower, digits)} to {plain(upper, digits)} {row['unit']}".rstrip()


def disposition(row: Mapping[str, Any], step: str, when: When = clock) -> str:
    """What people decided and when; with the step, where that is not the one of the decision."""
    where = f" at {row['step']}" if row["step"] not in ("", step) else ""
    return f"{row['disposition']}{where} {when(row['at'])}"


def became(row: Mapping[str, Any]) -> str:
    """What became of a part: its disposition and outcome; '' where neither is known."""
    found = [row["disposition"], row["outcome"] and outcome(row["outcome"])]
    return ", ".join(str(text) for text in found if text)
