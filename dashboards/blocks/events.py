"""Events that a reader may have drawn into graphs: alerts of what the graph is about, changes of models."""

from __future__ import annotations

from dashboards.blocks.board import Happened, Marks
from dashboards.blocks.marks import TAG, Group
from dashboards.blocks.panels import BAD, DIM, PLAIN, POOR
from dashboards.blocks.queries import by, series


def alerts_of(subjects: str, *graphs: str) -> Marks:
    """Firing alerts of the chosen subjects, in the graphs with these titles."""
    active = series("gatewatch_alert_active", subject=f"=~{subjects}")
    expr = f"{by('max', ('alert', 'subject', 'severity'), active)} == 1"
    return Marks("Alerts", expr, "{{alert}}", "{{subject}} ({{severity}})", BAD, graphs)


def happened(group: Group, *graphs: str, of: str = "") -> Happened:
    """What was posted as annotations of a group, in the graphs with these titles; of one machine, if `of` is it."""
    tags = (TAG, group.value, of) if of else (TAG, group.value)
    name, colour = _HAPPENED[group]
    return Happened(name, tags, colour, graphs)


_HAPPENED = {
    Group.MODEL: ("Promotions and rollbacks", PLAIN), Group.CHANGEOVER: ("Changeovers", DIM),
    Group.MAINTENANCE: ("Maintenance and stops", POOR),
}  # fmt: skip


def model_changes(*graphs: str) -> Marks:
    """When another model came into force, in the graphs with these titles."""
    # The value is the time of the change: Grafana puts the mark there, not at the scrape.
    expr = f"1000 * {by('max', ('gate',), series('gatewatch_gate_model_since_timestamp_seconds', gate='=~$gate'))}"
    return Marks("Model changes", expr, "{{gate}}", "a new model is in force", PLAIN, graphs, at_value=True)
