"""The bars of `make bench-detect`: where each figure stands in a benchmark's result, and what it must reach."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Bar:
    """`path`: names joined by dots, from the benchmark's result to the figure. At least `least`, at most `most`."""

    path: str
    least: float = -math.inf
    most: float = math.inf

    def held(self, figure: float | None) -> bool:
        """Whether the figure is within; None never is."""
        return figure is not None and self.least <= figure <= self.most

    @property
    def words(self) -> str:
        """As a table shows it."""
        return f">= {self.least:g}" if math.isinf(self.most) else f"<= {self.most:g}"


BARS: Mapping[str, tuple[Bar, ...]] = {
    "skab_outliers": (Bar("f1", least=0.85), Bar("false_alarm_rate", most=0.13)),
    "skab_changes": (Bar("score", least=55), Bar("false", most=35)),
    "tep": (Bar("detection_rate", least=0.92), Bar("false_alarm_rate", most=0.01)),
    "nab": (Bar("score", least=62),),
    "engines": (
        Bar("flag.noticed", least=100), Bar("flag.median_lead", least=100), Bar("page.noticed", least=98),
        Bar("page.median_lead", least=65), Bar("page.early", most=3), Bar("time_left.held", least=0.80),
        Bar("time_left.held", most=0.95),
    ),
    "hydraulics": (
        *(Bar(f"presses.{name}.flag.median_rows", most=45) for name in ("cooler", "valve", "pump", "accumulator")),
        *(Bar(f"presses.{name}.page.median_rows", most=65) for name in ("cooler", "pump", "accumulator")),
        Bar("flag.false_in_1000_median", most=5), Bar("page.false_in_1000_median", most=0),
    ),
    "healthy": (Bar("page.a_plant_day", most=0.1), Bar("page.a_machine_and_month", most=1)),
    "wear": (Bar("page.median_hours_before", least=9),),
    "speed": (
        Bar("sensors_8.rows_a_unit.anomaly_score", least=150_000),
        Bar("sensors_52.rows_a_unit.anomaly_score", least=50_000),
        Bar("sensors_8.state_bytes.anomaly_score", most=16_000),
        Bar("sensors_52.state_bytes.anomaly_score", most=64_000),
    ),
    "pull": (Bar("ratio", least=0.3),),
}  # fmt: skip
"""By benchmark; one without bars only tells."""


def figure(result: Mapping[str, Any], path: str) -> float | None:
    """The figure at a path; None where it is missing or no number."""
    found: Any = result
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def compared(results: Mapping[str, Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Each bar of the benchmarks that ran, with its figure and whether it is held."""
    for name, bars in BARS.items():
        if name in results:
            for bar in bars:
                found = figure(results[name], bar.path)
                yield {
                    "benchmark": name, "figure": bar.path, "found": found, "bar": bar.words, "held": bar.held(found)
                }  # fmt: skip
