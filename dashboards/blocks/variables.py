"""What the reader chooses: sites, lines, steps, machines. Each choice narrows the next."""

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
    label: str
    selector: str
    of: str
    hidden: bool = False

    @property
    def query(self) -> str:
        """What Grafana asks."""
        return f"label_values({self.selector}, {self.of})"


_AT = {"line": "=~$line", "step": "=~$step"}

CHOICES = (
    Choice("site", "Site", "gatewatch_plant_info", "site"),
    # Only gatewatch_plant_info knows the site: every other query takes the processes that export the chosen ones.
    Choice("instance", "Process", 'gatewatch_plant_info{site=~"$site"}', "instance", hidden=True),
    Choice("line", "Line", series("gatewatch_subject_info", line="!="), "line"),
    Choice("step", "Step", series("gatewatch_subject_info", line="=~$line"), "step"),
    Choice("machine", "Machine", series("gatewatch_subject_info", kind="machine", **_AT), "subject"),
    Choice("gate", "Gate", series("gatewatch_subject_info", kind="gate", **_AT), "subject", hidden=True),
    Choice("sensor", "Sensor",
           series("gatewatch_finding_value", detector=LIMITS, method=LIMIT, subject="=~$machine"), "feature"),
)  # fmt: skip

DEFAULT_URL = "http://127.0.0.1:9464"
"""Where `gatewatch run` serves by default; the variable `gatewatch` says where it is from the reader's browser."""


def variables() -> list[dashboard.QueryVariable | dashboard.TextBoxVariable]:
    """Every variable, in the order in which they are shown."""
    return [*(_query(choice) for choice in CHOICES), _address()]


def _query(choice: Choice) -> dashboard.QueryVariable:
    # No value of its own stands for all: an empty list of processes or machines must match nothing, not everything.
    all_of_them = model.VariableOption(selected=True, text="All", value="$__all")
    return (
        dashboard.QueryVariable(choice.name)
        .label(choice.label)
        .hide(model.VariableHide.HIDE_VARIABLE if choice.hidden else model.VariableHide.DONT_HIDE)
        .datasource(DATA_SOURCE)
        .query({"query": choice.query, "refId": f"variable-{choice.name}"})
        .definition(choice.query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .allow_custom_value(False)
        .current(all_of_them)
    )


def _address() -> dashboard.TextBoxVariable:
    return (
        dashboard.TextBoxVariable("gatewatch")
        .label("Gatewatch")
        .description("Where Gatewatch's own pages are, for the links.")
        .default_value(DEFAULT_URL)
        .current(model.VariableOption(selected=True, text=DEFAULT_URL, value=DEFAULT_URL))
    )
