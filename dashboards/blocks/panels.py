"""The kinds of panel that the dashboards use, each with a description, a unit and explicit refIds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any, TypeVar

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import prometheus as query_model

from dashboards.blocks.queries import Query

DATA_SOURCE_UID = "gatewatch-prometheus"
DATA_SOURCE = kinds.DataSourceRef(type_val="prometheus", uid=DATA_SOURCE_UID)

BASE_URL = "${gatewatch}"
"""The variable with the address of Gatewatch's own pages."""

GOOD, POOR, BAD, DIM = "green", "orange", "red", "gray"

Panel = Builder[model.Panel]
_Kind = TypeVar("_Kind", stat.Panel, timeseries.Panel, table.Panel, statetimeline.Panel)


def number(
    title: str, text: str, query: Query, *, unit: str = "short", bad: float | None = 1.0, width: int = 4
) -> stat.Panel:
    """The newest value, red from `bad` up; the default suits counts of problems."""
    steps = [model.Threshold(None, GOOD)] + ([] if bad is None else [model.Threshold(bad, BAD)])
    panel = _panel(stat.Panel(), title, text, [query], unit, width, 4)
    return (
        panel.thresholds(dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .color_mode(kinds.BigValueColorMode.BACKGROUND)
        .graph_mode(kinds.BigValueGraphMode.NONE)
        .no_value("no data")
    )


def lines(
    title: str, text: str, queries: Sequence[Query], *, unit: str = "short", width: int = 8, zero: bool = True
) -> timeseries.Panel:
    """Values over time. A series whose name starts with `limit` is drawn as a dashed red line."""
    panel = _panel(timeseries.Panel(), title, text, queries, unit, width, 8)
    panel = (
        panel.legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI).sort(kinds.SortOrder.DESCENDING))
        .line_width(1)
        .fill_opacity(0)
        .show_points(kinds.VisibilityMode.AUTO)
        .span_nulls(False)
        .override_by_regexp("/^limit/", _properties(_DASHED))
    )
    return panel.axis_soft_min(0) if zero else panel


def bars(
    title: str, text: str, queries: Sequence[Query], *, width: int = 8, colours: Mapping[str, str] | None = None
) -> timeseries.Panel:
    """Counts per hour, stacked."""
    panel = (
        _panel(timeseries.Panel(), title, text, queries, "short", width, 8)
        .interval("1h")
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI).sort(kinds.SortOrder.DESCENDING))
        .draw_style(kinds.GraphDrawStyle.BARS)
        .fill_opacity(70)
        .line_width(0)
        .stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL).group("A"))
        .min(0)
    )
    for name, colour in (colours or {}).items():
        panel = panel.override_by_name(name, _properties({"color": {"mode": "fixed", "fixedColor": colour}}))
    return panel


def value_table(
    title: str, text: str, query: Query, columns: Mapping[str, str], *, unit: str = "short", width: int = 8,
    links: Mapping[str, str] | None = None,
) -> table.Panel:  # fmt: skip
    """A table of the newest values, worst first; `columns` renames labels and `Value`, in the order shown."""
    panel = (
        _panel(table.Panel(), title, text, [query], unit, width, 8)
        .with_transformation(_organised(columns))
        .sort_by([common.TableSortByFieldState().display_name(columns["Value"]).desc(True)])
        .no_value("none")
    )
    return panel.data_links([link(name, url) for name, url in (links or {}).items()])


def statuses(
    title: str, text: str, query: Query, states: Mapping[int, tuple[str, str]], *, width: int = 12
) -> statetimeline.Panel:
    """States over time; `states` maps each value to its name and colour."""
    options = {str(value): model.ValueMappingResult(name, colour) for value, (name, colour) in states.items()}
    return (
        _panel(statetimeline.Panel(), title, text, [query], "short", width, 8)
        .mappings([model.ValueMap(options)])
        .legend(_legend())
        .merge_values(True)
        .line_width(0)
        .fill_opacity(80)
    )


def link(name: str, url: str) -> dashboard.DashboardLink:
    """A link that opens in a new tab."""
    return (
        dashboard.DashboardLink(name).type(model.DashboardLinkType.LINK).url(url).icon("external link")
        .tooltip(name).target_blank(True)
    )  # fmt: skip


def target(query: Query, ref: str) -> prometheus.Dataquery:
    """A query of a panel under its refId."""
    built = prometheus.Dataquery().expr(query.expr).ref_id(ref).datasource(DATA_SOURCE)
    built = built.editor_mode(query_model.QueryEditorMode.CODE).legend_format(query.legend or "__auto")
    if query.instant:
        return built.instant().format(query_model.PromQueryFormat.TABLE)
    return built.range().format(query_model.PromQueryFormat.TIME_SERIES)


def _panel(panel: _Kind, title: str, text: str, queries: Sequence[Query], unit: str, width: int, height: int) -> _Kind:
    targets = [target(query, ref) for query, ref in zip(queries, ascii_uppercase, strict=False)]
    return (
        panel.title(title).description(text).datasource(DATA_SOURCE).unit(unit).span(width).height(height)
        .targets(list(targets))
    )  # fmt: skip


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(kinds.LegendDisplayMode.LIST)
        .placement(kinds.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs([])
    )


_DASHED = {
    "color": {"mode": "fixed", "fixedColor": BAD},
    "custom.lineStyle": {"fill": "dash", "dash": [8, 6]},
    "custom.fillOpacity": 0,
}


def _properties(values: Mapping[str, Any]) -> list[model.DynamicConfigValue]:
    return [model.DynamicConfigValue(name, value) for name, value in values.items()]


def _organised(columns: Mapping[str, str]) -> model.DataTransformerConfig:
    options = {
        "excludeByName": {"Time": True},
        "indexByName": {name: index for index, name in enumerate(columns)},
        "renameByName": dict(columns),
    }
    return model.DataTransformerConfig(id_val="organize", options=options)
