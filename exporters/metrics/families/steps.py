"""What the steps of the plant tell of its characteristics, as the newest `gatewatch steps rank` found it."""

from __future__ import annotations

from exporters.metrics.families.findings import LINE
from exporters.metrics.shared.budget import CHARACTERISTICS, STEPS
from exporters.metrics.shared.metric import Label, Metric, Scrape, Series, gauge, timestamp

CHARACTERISTIC = Label(
    "characteristic",
    "characteristics of the plant file",
    from_plant=lambda b: b.plant.characteristics,
    most=CHARACTERISTICS,
)
STEP = Label("step", "steps of the plant file", from_plant=lambda b: b.plant.steps, most=STEPS)
_RANKED = (STEP, CHARACTERISTIC)

METRICS: tuple[Metric, ...] = (
    gauge("gatewatch_step_position", "The place of a step in its line, from 1 on, in the order of the plant file.",
          LINE, STEP),
    gauge("gatewatch_step_gain_ratio", "Gain of a step: the share of the loss left by the steps before that its values "
          "take away, on parts held out; from the newest ranking. Not the share of all the loss that it explains.",
          *_RANKED),
    gauge("gatewatch_step_gain_low_ratio", "Lower bound of the 90 % interval of gatewatch_step_gain_ratio.", *_RANKED),
    gauge("gatewatch_step_gain_high_ratio", "Upper bound of the 90 % interval of gatewatch_step_gain_ratio.", *_RANKED),
    gauge("gatewatch_step_deserves_gate", "1 if the step tells something of the characteristic that was not known "
          "before it and the whole interval of its gain is above 0, else 0; from the newest ranking.", *_RANKED),
    timestamp("gatewatch_step_ranked", "When the steps were ranked last", CHARACTERISTIC),
)  # fmt: skip


def series(scrape: Scrape) -> Series:
    """The places of the steps in their lines, and what the newest ranking says of them."""
    plant = scrape.bounds.plant
    for name, place in plant.step_places().items():
        yield "gatewatch_step_position", (plant.steps[name].line, name), float(place)
    for row in scrape.snapshot.step_ranks:
        if row.step not in plant.steps or row.characteristic not in plant.characteristics:
            continue
        labels = (row.step, row.characteristic)
        yield "gatewatch_step_gain_ratio", labels, row.gain
        yield "gatewatch_step_gain_low_ratio", labels, row.low
        yield "gatewatch_step_gain_high_ratio", labels, row.high
        yield "gatewatch_step_deserves_gate", labels, float(row.deserves_gate)
        yield "gatewatch_step_ranked_timestamp_seconds", (row.characteristic,), row.ranked_at.timestamp()
