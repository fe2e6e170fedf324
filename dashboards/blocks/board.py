"""A dashboard from its rows of panels, with the variables, links and annotations that all dashboards have alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.runtime import UnknownDataquery
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as model

from dashboards.blocks.marks import TAG
from dashboards.blocks.panels import BASE_URL, DATA_SOURCE, Panel, link
from dashboards.blocks.variables import variables

_UNCHANGED = "&${site:queryparam}&${line:queryparam}&${__url_time_range}"


def url_of(uid: str, variable: str, column: str, labels: bool = False) -> str:
    """The address of a dashboard at the same time and site, with a variable set to a column of the row that is clicked.

    With `labels` to a label of the series.
    """
    place = f"__field.labels.{column}" if labels else f"__data.fields.{column}"
    return f"/d/{uid}?var-{variable}=${{{place}}}{_UNCHANGED}"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of panels; `collapsed` where its queries are expensive, `repeat` by the values of a variable."""

    title: str
    panels: Callable[[], Sequence[Panel]]
    collapsed: bool = False
    repeat: str = ""


@dataclass(frozen=True, slots=True)
class Marks:
    """Events drawn into graphs where a reader asks for them: only into those with these titles.

    With `at_value` the value of the expression is the time of the event, in milliseconds.
    """

    name: str
    expr: str
    title: str
    text: str
    colour: str
    graphs: tuple[str, ...]
    at_value: bool = False


@dataclass(frozen=True, slots=True)
class Happened:
    """What was posted to Grafana as annotations with all of these tags, in the graphs with these titles.

    See `dashboards.blocks.marks`. A tag may be a variable of which a single value is chosen.
    """

    name: str
    tags: tuple[str, ...]
    colour: str
    graphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard. Its `uid` stays, so that links, stars and provisioning survive.

    `shown` variables are in sight; of `one` a single value is chosen.
    """

    uid: str
    title: str
    text: str
    shown: tuple[str, ...]
    rows: tuple[Row, ...]
    marks: tuple[Marks | Happened, ...] = ()
    one: str = ""
    since: str = "now-24h"

    def build(self) -> model.Dashboard:
        """The dashboard as Grafana has it."""
        built = (
            dashboard.Dashboard(self.title).uid(self.uid).description(self.text).tags([TAG]).editable()
            .tooltip(model.DashboardCursorSync.CROSSHAIR).time(self.since, "now").timezone("browser").refresh("1m")
            .variables(list(variables(self.shown, self.one)))
            .links([_others(), link("Pages", f"{BASE_URL}/"), link("Reports", f"{BASE_URL}/reports/")])
        )  # fmt: skip
        numbers = iter(range(1, 1000))
        numbered: dict[str, int] = {}
        for row in self.rows:
            head, panels = _with_panels(row, numbers, numbered)
            built = built.with_row(head)
            for panel in panels:
                built = built.with_panel(panel)
        return built.annotations([_annotation(marks, numbered) for marks in self.marks]).build()


def _with_panels(row: Row, numbers: Iterator[int], numbered: dict[str, int]) -> tuple[dashboard.Row, list[Panel]]:
    """The row, and the panels beside it; a collapsed row holds its own."""
    head = dashboard.Row(row.title).id(next(numbers)).collapsed(row.collapsed)
    if row.repeat:
        head = head.repeat(row.repeat)
    panels: list[Panel] = []
    for panel in row.panels():
        one = _Numbered(panel, next(numbers))
        numbered[one.title] = one.number
        if row.collapsed:
            head = head.with_panel(one)
        else:
            panels.append(one)
    return head, panels


class _Numbered(Panel):
    """A panel with an id."""

    def __init__(self, panel: Panel, number: int) -> None:
        self._built, self.number = panel.build(), number
        self._built.id_val = number

    @property
    def title(self) -> str:
        """Its title."""
        return self._built.title or ""

    def build(self) -> model.Panel:
        """The panel."""
        return self._built


def _others() -> dashboard.DashboardLink:
    """The other dashboards, at the same time and with the same choices."""
    return (
        dashboard.DashboardLink("Dashboards").type(model.DashboardLinkType.DASHBOARDS).tags([TAG])
        .as_dropdown(False).keep_time(True).include_vars(True).target_blank(False)
    )  # fmt: skip


def _annotation(marks: Marks | Happened, numbered: dict[str, int]) -> dashboard.AnnotationQuery:
    unknown = [title for title in marks.graphs if title not in numbered]
    if unknown:
        raise ValueError(f"marks {marks.name!r}: no panel has the title {unknown[0]!r}")
    of = dashboard.AnnotationPanelFilter().exclude(False).ids([numbered[title] for title in marks.graphs])
    query = dashboard.AnnotationQuery().name(marks.name).enable(False).icon_color(marks.colour).filter(of)
    if isinstance(marks, Happened):
        return query.datasource(_BUILT_IN).target(_Tagged(marks.tags))
    return (
        query.datasource(DATA_SOURCE).expr(marks.expr).step("60s").title_format(marks.title).text_format(marks.text)
        .use_value_for_time(marks.at_value)
    )  # fmt: skip


_BUILT_IN = kinds.DataSourceRef(type_val="grafana", uid="-- Grafana --")
"""Grafana's own data source, which holds the annotations."""


class _Tagged(Builder[Dataquery]):
    """The annotations with all of some tags; the SDK has no query of this data source."""

    def __init__(self, tags: Sequence[str]) -> None:
        self._tags = list(tags)

    def build(self) -> Dataquery:
        """The query."""
        return UnknownDataquery({"limit": 1000, "matchAny": False, "tags": self._tags, "type": "tags"})
