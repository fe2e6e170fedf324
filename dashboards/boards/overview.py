"""The overview: one page for the reliability engineer, from current problems down to the platform."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model

from dashboards.blocks.panels import BAD, BASE_URL, DATA_SOURCE, GOOD, Panel, link
from dashboards.blocks.queries import by, series
from dashboards.blocks.variables import variables
from dashboards.rows import delivery, drift, gates, machines, models, state, value

UID = "gatewatch-overview"
"""Stable, so that links, stars and provisioning survive."""

_ROWS = (
    (state.TITLE, state.panels, False),
    (gates.TITLE, gates.panels, False),
    (value.TITLE, value.panels, False),
    (machines.TITLE, machines.panels, False),
    (machines.SENSORS, machines.sensor_panels, True),
    (drift.TITLE, drift.panels, False),
    (models.TITLE, models.panels, False),
    (delivery.TITLE, delivery.panels, False),
)  # fmt: skip
"""Title, panels, and whether the row starts collapsed because its queries are expensive."""


def build() -> model.Dashboard:
    """The whole dashboard."""
    built = (
        dashboard.Dashboard("Gatewatch overview")
        .uid(UID)
        .description("Gates, machines, drift, models and delivery of the plants that Gatewatch watches.")
        .tags(["gatewatch"])
        .editable()
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .time("now-24h", "now")
        .timezone("browser")
        .refresh("1m")
        .variables(list(variables()))
        .annotations([_model_changes(), _alerts()])
        .links([link("Gatewatch", f"{BASE_URL}/"), link("Reports", f"{BASE_URL}/reports/")])
    )
    numbers = iter(range(1, 1000))
    for title, panels, collapsed in _ROWS:
        row = dashboard.Row(title).id(next(numbers)).collapsed(collapsed)
        numbered = [_numbered(panel, next(numbers)) for panel in panels()]
        if collapsed:
            for panel in numbered:
                row = row.with_panel(panel)
        built = built.with_row(row)
        for panel in [] if collapsed else numbered:
            built = built.with_panel(panel)
    return built.build()


class _Numbered(Panel):
    """A panel with an id."""

    def __init__(self, panel: Panel, number: int) -> None:
        self._panel, self._number = panel, number

    def build(self) -> model.Panel:
        """The panel."""
        built = self._panel.build()
        built.id_val = self._number
        return built


def _numbered(panel: Panel, number: int) -> Panel:
    return _Numbered(panel, number)


def _model_changes() -> dashboard.AnnotationQuery:
    # The value is the time of the change: Grafana puts the annotation there, not at the scrape.
    expr = f"1000 * {by('max', ('gate',), series('gatewatch_gate_model_since_timestamp_seconds', gate='=~$gate'))}"
    return _annotation("Model changes", expr, GOOD, "{{gate}}", "a new model is in force").use_value_for_time(True)


def _alerts() -> dashboard.AnnotationQuery:
    expr = f"{by('max', ('alert', 'subject', 'severity'), series('gatewatch_alert_active', alert=state.REAL))} == 1"
    return _annotation("Alerts", expr, BAD, "{{alert}}", "{{subject}} ({{severity}})")


def _annotation(name: str, expr: str, colour: str, title: str, text: str) -> dashboard.AnnotationQuery:
    return (
        dashboard.AnnotationQuery()
        .name(name)
        .datasource(DATA_SOURCE)
        .enable(True)
        .icon_color(colour)
        .expr(expr)
        .step("60s")
        .title_format(title)
        .text_format(text)
    )
