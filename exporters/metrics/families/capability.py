"""How capable the process is of what a gate's characteristic is specified to be, from the newest outcomes."""

from __future__ import annotations

from exporters.metrics.families.findings import fresh_findings
from exporters.metrics.shared.labels import GATE
from exporters.metrics.shared.metric import Label, Metric, Scrape, Series, gauge
from monitor.detection import CAPABILITY, CAPABILITY_METHODS

INDEX = Label("index", "fixed list of indices", tuple(dict.fromkeys(index for index, _ in CAPABILITY_METHODS)))
BOUND = Label("bound", "fixed list: the value, and the ends of its 95 % interval",
              tuple(dict.fromkeys(bound for _, bound in CAPABILITY_METHODS)))  # fmt: skip
_OF = {method: pair for pair, method in CAPABILITY_METHODS.items()}

METRICS: tuple[Metric, ...] = (
    gauge("gatewatch_gate_capability_ratio", "Capability of the process by the newest outcomes of the gate's parts: "
          "the width of the specification over 6 sigma, of cpk and ppk the distance of the nearer limit over 3. cp and "
          "cpk by the short-term sigma, pp and ppk by all variation. Absent without a specification, for cp and pp "
          "with a one-sided one, and for cp and cpk of values that are not normal.", GATE, INDEX, BOUND),
)  # fmt: skip


def series(scrape: Scrape) -> Series:
    """The indices that are known of each gate."""
    for row in fresh_findings(scrape.snapshot, scrape.bounds.plant, scrape.expiry):
        if row.detector == CAPABILITY and row.value is not None:
            yield "gatewatch_gate_capability_ratio", (row.subject, *_OF[row.method]), row.value
