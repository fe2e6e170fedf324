"""The variables of the dashboards: site, line, step, machine. Each choice narrows the next."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model

from dashboards.blocks.panels import DATA_SOURCE
from dashboards.blocks.queries import series


@dataclass(frozen=True, slots=True)
class Choice:
    """A variable filled with the values of a label."""

    name: str
    title: str
    selector: str
    label: str

    @property
    def query(self) -> str:
        """The query for its values."""
        return f"label_values({self.selector}, {self.label})"


_AT = {"line": "=~$line", "step": "=~$step"}

CHOICES = (
    Choice("site", "Site", "gatewatch_plant_info", "site"),
    # Only gatewatch_plant_info has the label site: all other queries select the instances of the chosen sites.
    Choice("instance", "Process", 'gatewatch_plant_info{site=~"$site"}', "instance"),
    Choice("line", "Line", series("gatewatch_subject_info", line="!="), "line"),
    Choice("step", "Step", series("gatewatch_subject_info", line="=~$line"), "step"),
    Choice("machine", "Machine", series("gatewatch_subject_info", kind="machine", **_AT), "subject"),
    Choice("gate", "Gate", series("gatewatch_subject_info", kind="gate", **_AT), "subject"),
    Choice("sensor", "Sensor",
           series("gatewatch_sensor_limit", machine="=~$machine"), "sensor"),
)  # fmt: skip

ADDRESS = Choice("gatewatch", "Pages", 'gatewatch_plant_info{site=~"$site"}', "url")
"""The address of Gatewatch's own pages, for links: server.public_url of the plant file."""


def variables(shown: Collection[str], one: str = "") -> list[dashboard.QueryVariable]:
    """Every variable, in order, so that a choice is kept from dashboard to dashboard; in sight are those `shown`.

    Of the variable `one` a single value is chosen.
    """
    return [*(_query(choice, choice.name in shown, choice.name != one) for choice in CHOICES), _address()]


def _query(choice: Choice, shown: bool, several: bool) -> dashboard.QueryVariable:
    # No custom value for All: an empty list of processes or machines must match nothing, not everything.
    everything = model.VariableOption(selected=True, text="All", value="$__all")
    query = (
        dashboard.QueryVariable(choice.name)
        .label(choice.title)
        .hide(model.VariableHide.DONT_HIDE if shown else model.VariableHide.HIDE_VARIABLE)
        .datasource(DATA_SOURCE)
        .query({"query": choice.query, "refId": f"variable-{choice.name}"})
        .definition(choice.query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(several)
        .include_all(several)
        .allow_custom_value(False)
    )
    return query.current(everything) if several else query


def _address() -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(ADDRESS.name)
        .label(ADDRESS.title)
        .hide(model.VariableHide.HIDE_VARIABLE)
        .datasource(DATA_SOURCE)
        .query({"query": ADDRESS.query, "refId": f"variable-{ADDRESS.name}"})
        .definition(ADDRESS.query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
    )
