"""The kinds of panel that the dashboards use, each with a description, a unit and explicit refIds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
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

PLAIN, POOR, BAD, DIM = "#5b7083", "orange", "red", "gray"
"""Colour is for what is abnormal (ISA-101): what is as it should be is plain, no data is grey, and nothing is green."""

Panel = Builder[model.Panel]
_Kind = TypeVar("_Kind", stat.Panel, timeseries.Panel, table.Panel, statetimeline.Panel)


NOTHING = "none, or no data"
"""What a panel says that has nothing to show: nothing may look well only because no data came."""


def number(
    title: str,
    text: str,
    query: Query,
    *,
    unit: str = "short",
    bad: float | None = 1.0,
    width: int = 4,
    height: int = 4,
) -> stat.Panel:
    """The newest value, 0 or more, red from `bad` up; the default suits counts of problems."""
    steps = [model.Threshold(None, DIM), model.Threshold(0.0, PLAIN)]
    steps += [] if bad is None else [model.Threshold(bad, BAD)]
    query = replace(query, instant=True)  # the last value of a range would be shown long after data stopped
    panel = _panel(stat.Panel(), title, text, [query], unit, width, height)
    return (
        panel.thresholds(_thresholds(*steps))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .color_mode(kinds.BigValueColorMode.BACKGROUND)
        .graph_mode(kinds.BigValueGraphMode.NONE)
        .no_value("no data")
    )


_LEAST_SHARE = 0.1
"""An axis of shares goes so far at least: of zeros alone it would go to 10,000 %."""


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
    if unit == "percentunit":
        panel = panel.axis_soft_max(_LEAST_SHARE)
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
        .axis_soft_max(1)
        .with_override(
            # What never was is not in the legend.
            _ONLY_ZEROS,
            _properties({"custom.hideFrom": {"legend": True, "tooltip": True, "viz": False}}),
        )
    )
    for name, colour in (colours or {}).items():
        panel = panel.override_by_name(name, _properties({"color": {"mode": "fixed", "fixedColor": colour}}))
    return panel


def value_table(
    title: str, text: str, query: Query | Sequence[Query], columns: Mapping[str, str], *, unit: str = "short",
    width: int = 8, links: Mapping[str, str] | None = None, empty: str = NOTHING,
    of_columns: Mapping[str, Mapping[str, Any]] | None = None, hidden: Sequence[str] = (),
) -> table.Panel:  # fmt: skip
    """A table of the newest values, largest of the last column first.

    `columns` renames labels and `Value` (of several queries, which are joined by their labels, `Value #A` and so on),
    in the order shown; those of `hidden` are not. `of_columns`: properties of single columns, by their shown names.
    `empty` is said without a row.
    """
    queries = [query] if isinstance(query, Query) else list(query)
    panel = _panel(table.Panel(), title, text, queries, unit, width, 8).no_value(empty)
    if len(queries) > 1:
        panel = panel.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    panel = panel.with_transformation(_organised(columns, hidden)).sort_by(
        [common.TableSortByFieldState().display_name(list(columns.values())[-1]).desc(True)]
    )
    for name, properties in (of_columns or {}).items():
        panel = panel.override_by_name(name, _properties(properties))
    return panel.data_links([link(name, url) for name, url in (links or {}).items()])


def tiles(
    title: str, text: str, queries: Sequence[Query], states: Mapping[int, tuple[str, str]], name: str, *,
    width: int = 24, link_to: str = "",
) -> stat.Panel:  # fmt: skip
    """A tile for each row, called by its label `name`: the state of the first query, in order of the second one."""
    panel = _panel(stat.Panel(), title, text, queries, "short", width, 4)
    only_states = {"excludeByName": {"Time": True, "Value #B": True}}
    for config in (
        model.DataTransformerConfig(id_val="merge", options={}),
        model.DataTransformerConfig(id_val="sortBy", options={"sort": [{"field": "Value #B", "desc": False}]}),
        model.DataTransformerConfig(id_val="organize", options=only_states),
    ):
        panel = panel.with_transformation(config)
    return (
        panel.thresholds(_thresholds(model.Threshold(None, DIM)))
        .reduce_options(common.ReduceDataOptions().values(True).calcs(["lastNotNull"]).fields("/^Value/"))
        .mappings([_mapped(states)])
        .orientation(kinds.VizOrientation.VERTICAL)
        .color_mode(kinds.BigValueColorMode.BACKGROUND)
        .graph_mode(kinds.BigValueGraphMode.NONE)
        .text_mode(kinds.BigValueTextMode.VALUE_AND_NAME)
        .no_value("no data")
        .data_links([link(f"The board of this {name}", link_to)] if link_to else [])
    )


def shares(title: str, text: str, query: Query, *, width: int = 24, height: int = 12) -> statetimeline.Panel:
    """Shares of a limit over time, a row a series: plain, from 0.8 on orange, from the limit on red."""
    steps = [model.Threshold(None, PLAIN), model.Threshold(0.8, POOR), model.Threshold(1.0, BAD)]
    return (
        _panel(statetimeline.Panel(), title, text, [query], "percentunit", width, height)
        .thresholds(_thresholds(*steps))
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .legend(_legend().show_legend(False))
        .show_value(kinds.VisibilityMode.NEVER)
        .merge_values(True)
        .disable_pagination()
        .line_width(0)
        .fill_opacity(80)
        .no_value("no data")
    )


def statuses(
    title: str, text: str, query: Query, states: Mapping[int, tuple[str, str]], *, width: int = 12, link_to: str = ""
) -> statetimeline.Panel:
    """States over time; `states` maps each value to its name and colour."""
    return (
        _panel(statetimeline.Panel(), title, text, [query], "short", width, 8)
        .mappings([_mapped(states)])
        .legend(_legend())
        .merge_values(True)
        .disable_pagination()
        .line_width(0)
        .fill_opacity(80)
        .no_value("no data")
        .data_links([link("Its board", link_to)] if link_to else [])
    )


def _mapped(states: Mapping[int, tuple[str, str]]) -> model.ValueMap:
    return model.ValueMap(
        {str(value): model.ValueMappingResult(name, colour) for value, (name, colour) in states.items()}
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
        .targets(list(targets)).no_value(NOTHING)
    )  # fmt: skip


def _thresholds(*steps: model.Threshold) -> dashboard.ThresholdsConfig:
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(list(steps))


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


_ONLY_ZEROS = model.MatcherConfig(id_val="byValue", options={"reducer": "allIsZero", "op": "gte", "value": 0})


def _properties(values: Mapping[str, Any]) -> list[model.DynamicConfigValue]:
    return [model.DynamicConfigValue(name, value) for name, value in values.items()]


def _organised(columns: Mapping[str, str], hidden: Sequence[str]) -> model.DataTransformerConfig:
    options = {
        "excludeByName": dict.fromkeys(("Time", *hidden), True),
        "indexByName": {name: index for index, name in enumerate(columns)},
        "renameByName": dict(columns),
    }
    return model.DataTransformerConfig(id_val="organize", options=options)
