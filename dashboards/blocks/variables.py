"""The variables of the dashboards: site, line, step, machine. Each choice narrows the next."""

from __future__ import annotations

from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model

from dashboards.blocks.panels import DATA_SOURCE
from dashboards.blocks.queries import series
from monitor.detection import LIMIT, LIMITS


@dataclass(frozen=True, slots=True)
class Choice:
    """A variable filled with the values of a label. `hidden` ones follow from the others."""

    name: str
    title: str
    selector: str
    label: str
    hidden: bool = False

    @property
    def query(self) -> str:
        """The query for its values."""
        return f"label_values({self.selector}, {self.label})"


_AT = {"line": "=~$line", "step": "=~$step"}

CHOICES = (
    Choice("site", "Site", "gatewatch_plant_info", "site"),
    # Only gatewatch_plant_info has the label site: all other queries select the instances of the chosen sites.
    Choice("instance", "Process", 'gatewatch_plant_info{site=~"$site"}', "instance", hidden=True),
    Choice("line", "Line", series("gatewatch_subject_info", line="!="), "line"),
    Choice("step", "Step", series("gatewatch_subject_info", line="=~$line"), "step"),
    Choice("machine", "Machine", series("gatewatch_subject_info", kind="machine", **_AT), "subject"),
    Choice("gate", "Gate", series("gatewatch_subject_info", kind="gate", **_AT), "subject", hidden=True),
    Choice("sensor", "Sensor",
           series("gatewatch_finding_value", detector=LIMITS, method=LIMIT, subject="=~$machine"), "feature"),
)  # fmt: skip

DEFAULT_URL = "http://127.0.0.1:9464"
"""The default address of `gatewatch run`; the variable `gatewatch` holds the one that the reader's browser needs."""


def variables() -> list[dashboard.QueryVariable | dashboard.TextBoxVariable]:
    """Every variable, in the order in which they are shown."""
    return [*(_query(choice) for choice in CHOICES), _address()]


def _query(choice: Choice) -> dashboard.QueryVariable:
    # No custom value for All: an empty list of processes or machines must match nothing, not everything.
    everything = model.VariableOption(selected=True, text="All", value="$__all")
    return (
        dashboard.QueryVariable(choice.name)
        .label(choice.title)
        .hide(model.VariableHide.HIDE_VARIABLE if choice.hidden else model.VariableHide.DONT_HIDE)
        .datasource(DATA_SOURCE)
        .query({"query": choice.query, "refId": f"variable-{choice.name}"})
        .definition(choice.query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .allow_custom_value(False)
        .current(everything)
    )


def _address() -> dashboard.TextBoxVariable:
    return (
        dashboard.TextBoxVariable("gatewatch")
        .label("Gatewatch")
        .description("The address of Gatewatch's own pages, for the links.")
        .default_value(DEFAULT_URL)
        .current(model.VariableOption(selected=True, text=DEFAULT_URL, value=DEFAULT_URL))
    )
