"""A plant, its snapshot with text of the data in it, and the top of a page."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from exporters_samples import before, bounds, finding, plant, snapshot

from exporters.metrics.shared.metric import Bounds
from exporters.metrics.shared.snapshot import AlertRow, CursorRow, HoldRow, JobRow, MetricsSnapshot, StandingRow
from exporters.pages.parts import Top, top_at
from monitor.model import MachineState
from monitor.statuses import AlertStatus

GRAFANA = "https://grafana.example.com/"


class Page(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.raw = text
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def links(self) -> list[str]:
        return [str(attributes["href"]) for name, attributes in self.elements if name == "a"]

    @property
    def status(self) -> tuple[str, str]:
        """The level of the status line, and what it says."""
        found = re.search(r'<p class="status ([a-z]+)" role="status"><a href="/">([^<]*)<', self.raw)
        assert found
        return found[1], found[2]


def of_plant(**changes: Any) -> Bounds:
    """The bounds of a plant in Berlin with a Grafana."""
    server = {"grafana_url": GRAFANA, "public_url": "https://gatewatch.example.com/"}
    return bounds(plant=plant(**({"time_zone": "Europe/Berlin", "server": server} | changes)))


def alert(name: str = "MachineOutOfSpec", subject: str = "F1", text: str = "hot", **changes: Any) -> AlertRow:
    row = AlertRow(
        name, subject, "critical", text, before(minutes=20), None, team="operators", line="blades", cause=text
    )
    return row._replace(**changes)


def fresh(text: str = "hot", **changes: Any) -> MetricsSnapshot:
    """A snapshot of a plant that is read; every text of the data is `text`."""
    values: dict[str, Any] = {
        "jobs": (
            JobRow("pull:historian", 9, 1, 0, 99, before(minutes=1), before(minutes=1), 0.2, 1.0, text, "failure",
                   source="historian", partition="all"),
        ),
        "cursors": (CursorRow("pull:historian", "historian", "", before(seconds=40)),
                    CursorRow("pull:mes", "mes", "", before(minutes=2))),
        "alerts": (
            alert(text=text),
            alert("DataDrift", "forging", text, severity="warning", since=before(hours=30)),
            alert("SensorDead", "F1", text, severity="warning", ended_at=before(hours=2), state=AlertStatus.RESOLVED),
            alert("SensorStuck", "F1", text, state=AlertStatus.PENDING),
            alert("UnknownMachineOrStep", f"mes/{text}", text, severity="warning"),
        ),
        "board": (
            finding(causes=(text,)),
            finding(method="limit", value=412.5, limit=400.0, causes=(text,)),
            finding(method="dead", status="ok", value=0.0, limit=10.0, causes=()),
            finding(detector="anomaly", method="condition", feature="", status="ok", value=0.5, limit=1.0, causes=()),
            finding(detector="drift", method="worst_ratio", subject="forging", feature="", causes=(text,), value=1.6,
                    limit=1.0),
            finding(detector="performance", method="mae", subject="shape", feature=text, status="cannot_judge"),
        ),
        "standing": {"F1": StandingRow(MachineState.RUN, before(hours=3))},
        "newest_parts": {"forging": before(minutes=3)},
        "holds": (HoldRow("forging", before(hours=1)),),
    }  # fmt: skip
    return replace(snapshot(), **(values | changes))


def top(seen: MetricsSnapshot | None = None, of: Bounds | None = None) -> Top:
    return top_at(seen or fresh(), of or of_plant())
