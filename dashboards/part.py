"""The board of one part, from views of a PostgreSQL store; apart from the others, whose source is Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, dashboard, table
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.runtime import UnknownDataquery
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as model

from dashboards.blocks.marks import TAG
from dashboards.blocks.panels import NOTHING

NAME = "part.json"
DATA_SOURCE_UID = "gatewatch-store"
SERIAL = "${serial:sqlstring}"
"""The serial number as Grafana writes it into SQL: quoted, with quotes in it doubled."""
_SOURCE = kinds.DataSourceRef(type_val="grafana-postgresql-datasource", uid=DATA_SOURCE_UID)
_VIEWS = "gatewatch_read"


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of a view: its columns by name as shown, in order of `by`."""

    title: str
    text: str
    view: str
    columns: Mapping[str, str]
    by: str
    width: int = 12

    @property
    def sql(self) -> str:
        """The query of one part."""
        shown = ", ".join(f'{column} AS "{name}"' for column, name in self.columns.items())
        return f"SELECT {shown} FROM {_VIEWS}.{self.view} WHERE serial = {SERIAL} ORDER BY {self.by}"


_TABLES = (
    _Table(
        "Verdicts and predictions",
        "What the gates decided on the part, with the prediction and its interval. If a verdict looks wrong, compare "
        "it with the outcome below, and read its reasons with 'gatewatch part show SERIAL'.",
        "part_decision",
        {"decided_at": "decided", "step": "step", "visit": "visit", "gate": "gate", "verdict": "verdict",
         "reason": "reason", "predicted": "predicted", "lower": "lower", "upper": "upper", "version": "model version"},
        "decided_at, revision", 24,
    ),
    _Table(
        "Steps passed",
        "The steps that the part passed, in order of time, with machine, recipe and lot. If one is missing, look at "
        "the source of the part steps, and at its rows in quarantine.",
        "part_step",
        {"at": "passed", "step": "step", "visit": "visit", "machine": "machine", "recipe": "recipe", "lot": "lot",
         "revision": "corrections"},
        "at, step",
    ),
    _Table(
        "Measurements",
        "What was measured at each step, by the newest correction. A value that is missing here was missing or "
        "refused: 'gatewatch quarantine list' says why.",
        "part_value", {"at": "passed", "step": "step", "visit": "visit", "name": "name", "value": "value"},
        "at, step, name",
    ),
    _Table(
        "Outcomes",
        "What the part turned out to be, by characteristic. If there is none after the usual delay, the part waits to "
        "be measured, or its outcome has another serial number.",
        "part_outcome",
        {"at": "measured", "available_at": "available", "characteristic": "characteristic", "value": "value"}, "at", 8,
    ),
    _Table(
        "Dispositions",
        "What people did with the part: used, reworked or scrapped. After a hold there should be one within the time "
        "that the step allows.",
        "part_disposition", {"at": "done", "step": "step", "disposition": "disposition"}, "at", 8,
    ),
    _Table(
        "Written back to the MES",
        "Each recommendation that was to be written back, and when that was done. One that is pending for long or dead "
        "did not reach the MES: see 'gatewatch outbox list'.",
        "part_message", {"created_at": "made", "sent_at": "sent", "status": "status", "attempts": "attempts"},
        "created_at", 8,
    ),
)  # fmt: skip


class _Sql(Builder[Dataquery]):
    """A query of Grafana's PostgreSQL data source, which the SDK does not have."""

    def __init__(self, sql: str) -> None:
        self._sql = sql

    def build(self) -> Dataquery:
        """The query."""
        source = {"type": _SOURCE.type_val, "uid": _SOURCE.uid}
        return UnknownDataquery(
            {"datasource": source, "editorMode": "code", "format": "table", "rawQuery": True, "rawSql": self._sql,
             "refId": "A"}
        )  # fmt: skip


def board() -> model.Dashboard:
    """The dashboard as Grafana has it."""
    built = (
        dashboard.Dashboard("Part").uid("gatewatch-part").description("The passport of one part, by its serial number.")
        .tags([TAG]).editable().time("now-24h", "now").timezone("browser")
        .variables([dashboard.TextBoxVariable("serial").label("Serial number").default_value("")])
    )  # fmt: skip
    for panel in _panels(_TABLES):
        built = built.with_panel(panel)
    return built.build()


def _panels(tables: Sequence[_Table]) -> Iterator[table.Panel]:
    for number, one in enumerate(tables, start=1):
        order = common.TableSortByFieldState().display_name(next(iter(one.columns.values()))).desc(False)
        yield (
            table.Panel().id(number).title(one.title).description(one.text).datasource(_SOURCE).unit("short")
            .span(one.width).height(8).targets([_Sql(one.sql)]).no_value(NOTHING).sort_by([order])
        )  # fmt: skip
