"""Contradictions between keys of a plant file: references to undefined steps, machines, sensors or features.

Each is returned with the top-level key that it was checked against, so that a caller that could not read all of that
key can ignore it. Only settings that cannot work are contradictions, not those that are merely unusual.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from alerting.specs.roster import BY_NAME as ALERTS
from alerting.specs.roster import UNJUDGED
from inference.tracking.addresses import in_workspace, misnamed
from monitor.model import MachineState
from monitor.plant.calendar import is_always, overlap
from monitor.plant.features import feature_names
from monitor.plant.gates import CATEGORIES, GateConfig, PictureInput, circle, kinds_for
from monitor.plant.messages import join_names, unknown_name
from monitor.plant.plant import Plant
from monitor.plant.sources import (
    ADJUSTMENT_FIELDS,
    CodeColumn,
    DispositionSource,
    OutcomeSource,
    PartSource,
    ReadingSource,
    SourceBase,
    StateSource,
    ValueColumn,
)

MIN_PROFILE = 4
"""Points that a profile has at least, so that it has a shape."""

Contradiction = tuple[tuple[str | int, ...], str, str]
"""Path of keys, message, top-level key it was checked against."""


def cross_check(plant: Plant, incomplete: Collection[str] = ()) -> list[tuple[tuple[str | int, ...], str]]:
    """All contradictions between keys, as (path of keys, message).

    `incomplete` holds top-level keys that could not be read completely; references to them are not checked.
    """
    return [(path, sentence) for path, sentence, section in _contradictions(plant) if section not in incomplete]


def _contradictions(plant: Plant) -> Iterator[Contradiction]:
    """All contradictions of a plant whose keys are valid by themselves."""
    for step in plant.steps:
        if "." in step:
            yield ("steps", step), "a step's name cannot hold '.', which separates step and feature in gate inputs", ""
    for name, machine in plant.machines.items():
        yield from _unknown(("machines", name, "step"), "step", machine.step, plant.steps, "steps")
        yield from _sister(plant, name)
    if plant.profile == "stack" and plant.alerts.webhook_token is None:
        yield ("profile",), "profile 'stack' needs alerts.webhook_token, which Alertmanager must send", "alerts"
    if plant.profile != "stack" and plant.alerts.alertmanager_url is not None:
        sentence = "only profile 'stack' has an Alertmanager; expected profile: stack, or no address"
        yield ("alerts", "alertmanager_url"), sentence, "profile"
    for name, change in plant.alerts.change.items():
        yield from _unknown(("alerts", "change", name), "alert", name, ALERTS, "")
        if name in UNJUDGED and change.budget is not None:
            path = ("alerts", "change", name, "budget")
            yield path, f"how often {name} fires is not judged, for it shows that alerting works; remove it", ""
    yield from _shifts(plant)
    yield from _telling(plant)
    yield from _maintenance(plant)
    yield from _models(plant)
    yield from _gates(plant)
    yield from _written_codes(plant)
    yield from _unread_sensors(plant)
    for name, source in plant.sources.items():
        yield from _source(plant, name, source)


def _shifts(plant: Plant) -> Iterator[Contradiction]:
    found = overlap(plant.shifts)
    if found is not None:
        yield ("shifts", found[0]), found[1], ""
    if plant.notify.handover and not plant.shifts:
        yield ("notify", "handover"), "a handover is sent at the start of a shift; expected shifts too", "shifts"


def _telling(plant: Plant) -> Iterator[Contradiction]:
    for team, rule in plant.notify.escalate.items():
        if rule.to == team:
            yield ("notify", "escalate", team, "to"), "it is the team that was told; expected another one", ""
    for team, hours in plant.notify.quiet.items():
        if is_always(hours):
            yield ("notify", "quiet", team), "they would never end; expected hours in which the team is told", ""


def _maintenance(plant: Plant) -> Iterator[Contradiction]:
    lines = dict.fromkeys(step.line for step in plant.steps.values())
    everything = [*plant.machines, *plant.steps, *plant.gates, *plant.sources, plant.site]
    for n, window in enumerate(plant.maintenance):
        path = ("maintenance", n)
        if window.name in [other.name for other in plant.maintenance[:n]]:
            yield (*path, "name"), f"another window is called {window.name!r}; expected a name of its own", ""
        for i, name in enumerate(window.subjects):
            yield from _unknown((*path, "subjects", i), "subject", name, everything, "steps")
        for i, name in enumerate(window.machines):
            yield from _unknown((*path, "machines", i), "machine", name, plant.machines, "machines")
        for i, name in enumerate(window.steps):
            yield from _unknown((*path, "steps", i), "step", name, plant.steps, "steps")
        for i, name in enumerate(window.lines):
            yield from _unknown((*path, "lines", i), "line", name, lines, "steps")


def _unknown(
    path: tuple[str | int, ...], what: str, value: str, allowed: Iterable[str], section: str
) -> Iterator[Contradiction]:
    allowed = list(allowed)
    if value not in allowed:
        yield path, unknown_name(what, value, allowed), section


def _sister(plant: Plant, name: str) -> Iterator[Contradiction]:
    """What keeps a machine from borrowing the baseline of the one that it is like."""
    path, like = ("machines", name, "like"), plant.machines[name].like
    if like is None:
        return
    if like not in plant.machines:
        yield path, unknown_name("machine", like, plant.machines), "machines"
        return
    chain = [name]
    while like is not None and like in plant.machines and like not in chain:
        chain.append(like)
        like = plant.machines[like].like
    if like == name:
        yield path, f"{' is like '.join([*chain, name])}: expected a machine that learns by itself at the end", ""
    sister = chain[1] if len(chain) > 1 else name
    if [*plant.machines[sister].sensors] != [*plant.machines[name].sensors]:
        yield path, f"{sister!r} has other sensors; expected the same names in the same order", "machines"
    for source, config in plant.sources.items():
        of = [[key for key, members in config.partitions.items() if one in members] for one in (name, sister)]
        if isinstance(config, ReadingSource) and of[0] != of[1]:
            yield path, f"{sister!r} is in another partition of source {source!r}; expected the same one", "sources"


def _models(plant: Plant) -> Iterator[Contradiction]:
    """What Databricks does not take."""
    mlflow = plant.mlflow
    if in_workspace(mlflow.tracking_uri) and not mlflow.experiment.startswith("/"):
        sentence = "an experiment in Databricks is named by its path; expected one such as /Shared/gatewatch"
        yield ("mlflow", "experiment"), sentence, "mlflow"
    for name, gate in plant.gates.items():
        sentence_of_name = misnamed(gate.model, mlflow.registry)
        if sentence_of_name is not None:
            yield ("gates", name, "model"), sentence_of_name, "mlflow"


def _gates(plant: Plant) -> Iterator[Contradiction]:
    features = _features(plant)
    checked: dict[str, str] = {}
    for name, gate in plant.gates.items():
        path = ("gates", name)
        yield from _unknown((*path, "step"), "step", gate.step, plant.steps, "steps")
        yield from _unknown(
            (*path, "characteristic"), "characteristic", gate.characteristic, plant.characteristics, "characteristics"
        )
        if gate.step in checked:
            yield (*path, "step"), f"gate {checked[gate.step]!r} already checks this step; one gate per step", "gates"
        checked.setdefault(gate.step, name)
        yield from _inputs(plant, name, gate, features)
        yield from _categories(plant, name, gate)
        yield from _predictions(plant, name, gate)
        yield from _adjustments(plant, name, gate, features)
        if gate.picture is not None:
            yield from _picture(plant, name, gate.picture)
        yield from _kind(plant, path, gate)
        if gate.costs is not None and gate.costs.audit and plant.write_back and "audit" not in plant.write_back.columns:
            sentence = "the MES is not told which parts to inspect; expected write_back.columns with the field audit"
            yield (*path, "costs", "audit"), sentence, "write_back"


def _kind(plant: Plant, path: tuple[str, ...], gate: GateConfig) -> Iterator[Contradiction]:
    """A kind of model that does not fit the gate's characteristic or inputs, and keys that mean nothing to it."""
    characteristic = plant.characteristics.get(gate.characteristic)
    if characteristic is not None and gate.of_classes != bool(characteristic.class_values):
        is_class = bool(characteristic.class_values)
        what = "has classes" if is_class else "is a number"
        sentence = f"kind {gate.kind!r} cannot predict {gate.characteristic!r}, which {what}"
        yield (*path, "kind"), f"{sentence}; expected {' or '.join(kinds_for(is_class))}", "characteristics"
    if gate.kind == "shape" and len(gate.profile) < MIN_PROFILE:
        sentence = f"kind 'shape' needs a profile of at least {MIN_PROFILE} points, found {len(gate.profile)}"
        yield (*path, "profile"), sentence, ""
    elif not gate.inputs():
        yield (
            (*path, "covariates"),
            "expected at least one input, in covariates, profile, categories or predictions",
            "",
        )
    for key in ("rework", "profile_kind"):
        if gate.of_classes and key in gate.model_fields_set:
            yield (*path, key), f"{key} means nothing to kind {gate.kind!r}; leave it out", ""


def _inputs(plant: Plant, name: str, gate: GateConfig, features: list[str]) -> Iterator[Contradiction]:
    given = [("profile", i, text) for i, text in enumerate(gate.profile)]
    given += [("covariates", i, text) for i, text in enumerate(gate.covariates)]
    seen: set[str] = set()
    for (key, i, text), full in zip(given, gate.features(), strict=True):
        path = ("gates", name, key, i)
        step, _, feature = full.partition(".")
        if "." in text:  # otherwise it is the gate's own step, checked above
            yield from _unknown(path, "step", step, plant.steps, "steps")
        yield from _unknown(path, "feature", feature, features, "sources")
        if full in seen:
            yield path, f"input {full!r} is given twice", "gates"
        seen.add(full)


def _categories(plant: Plant, name: str, gate: GateConfig) -> Iterator[Contradiction]:
    given = [category.input for category in gate.category_inputs()]
    for i, category in enumerate(gate.category_inputs()):
        path = ("gates", name, "categories", i)
        yield from _unknown(path, "step", category.step, plant.steps, "steps")
        if category.what not in CATEGORIES:
            yield path, f"{category.what!r} is no category of a part; expected one of {join_names(CATEGORIES)}", ""
        elif not any(getattr(source, category.what) for source in _part_sources(plant)):
            yield path, f"no source of part_steps has a column {category.what}; give it one", "sources"
        elif category.input in given[:i]:
            yield path, f"{gate.categories[i]!r} is given twice", ""


def _predictions(plant: Plant, name: str, gate: GateConfig) -> Iterator[Contradiction]:
    for i, other in enumerate(gate.predictions):
        path = ("gates", name, "predictions", i)
        yield from _unknown(path, "gate", other, plant.gates, "gates")
        if other == name:
            yield path, "a gate cannot use its own predictions; expected gates of other steps", ""
        elif other in gate.predictions[:i]:
            yield path, f"gate {other!r} is given twice", ""
    around = circle(plant.gates, name)
    first = min(around, key=list(plant.gates).index, default="")
    if len(around) > 2 and name == first:  # told once, at the first of them
        sentence = f"each of these gates waits for the predictions of the next: {', '.join(around)}; leave one out"
        yield ("gates", name, "predictions"), sentence, "gates"


def _adjustments(plant: Plant, name: str, gate: GateConfig, features: list[str]) -> Iterator[Contradiction]:
    """Variables that are none of a later step, or that nobody could recommend or carry out."""
    order, path = list(plant.steps), ("gates", name, "adjustments")
    for key in gate.adjustments:
        step, dot, feature = key.partition(".")
        if not dot:
            yield (*path, key), "expected a feature of a later step, as step.feature", ""
            continue
        yield from _unknown((*path, key), "step", step, plant.steps, "steps")
        yield from _unknown((*path, key), "feature", feature, features, "sources")
        if key in gate.features():
            yield (*path, key), f"{key!r} is an input in profile or covariates too; leave it out of one of them", ""
        elif {step, gate.step} <= set(order) and order.index(step) <= order.index(gate.step):
            sentence = f"step {step!r} does not come after {gate.step!r} in steps; expected a feature of a later step"
            yield (*path, key), sentence, "steps"
    if gate.adjustments and (gate.of_classes or gate.image is not None):
        yield path, f"adjustments mean nothing to kind {gate.kind!r}; expected {' or '.join(kinds_for(False))}", ""
    if gate.adjustments and gate.costs is None:
        yield path, "adjustments are chosen by their costs; expected costs beside them", ""
    if gate.adjustments and plant.write_back is not None:
        wanted = ADJUSTMENT_FIELDS[: 2 if len(gate.adjustments) == 1 else 4]
        missing = [field for field in wanted if field not in plant.write_back.columns]
        if missing:
            sentence = f"gate {name!r} may recommend adjustments: expected columns for {join_names(missing)} too"
            yield ("write_back", "columns"), sentence, "gates"


def _picture(plant: Plant, name: str, picture: PictureInput) -> Iterator[Contradiction]:
    path = ("gates", name, "image")
    columns = [pair for source in _part_sources(plant) for pair in source.values.items()]
    values, images = {n for n, _ in columns}, {n for n, column in columns if column.image}
    yield from _unknown(path, "step", picture.step, plant.steps, "steps")
    yield from _unknown(path, "value of part_steps", picture.name, sorted(values), "sources")
    if picture.name in values - images:
        yield path, f"the value {picture.name!r} holds a number; expected one of part_steps with image", "sources"


def _written_codes(plant: Plant) -> Iterator[Contradiction]:
    """Codes of steps that are written back: each of a step, and of one only."""
    codes = plant.write_back.codes.get("step", {}) if plant.write_back else {}
    for step, code in codes.items():
        path = ("write_back", "codes", "step", step)
        yield from _unknown(path, "step", step, plant.steps, "steps")
        if code != step and code in plant.steps and code not in codes:
            yield path, f"{code!r} is also written for step {code!r}, which has no code; give it one", "steps"


def _features(plant: Plant) -> list[str]:
    parts = _part_sources(plant)
    return sorted(
        {f for source in parts for name, column in source.values.items() for f in feature_names(name, column)}
    )


def _part_sources(plant: Plant) -> list[PartSource]:
    return [source for source in plant.sources.values() if isinstance(source, PartSource)]


def _unread_sensors(plant: Plant) -> Iterator[Contradiction]:
    sources = [source for source in plant.sources.values() if isinstance(source, ReadingSource)]
    if any(source.sensor for source in sources):
        return  # the long layout names its sensors in the rows
    read = {sensor for source in sources for sensor in source.values}
    for name, machine in plant.machines.items():
        for sensor in machine.sensors:
            if sensor not in read:
                yield ("machines", name, "sensors", sensor), "no source of kind readings reads this sensor", "sources"


def _source(plant: Plant, name: str, source: SourceBase) -> Iterator[Contradiction]:
    path = ("sources", name)
    sensors = sorted({sensor for machine in plant.machines.values() for sensor in machine.sensors})
    if isinstance(source, OutcomeSource):
        yield from _unknown(
            (*path, "characteristic"), "characteristic", source.characteristic, plant.characteristics, "characteristics"
        )
    if isinstance(source, PartSource):
        for feature in source.values:
            if "." in feature:
                yield (*path, "values", feature), "a feature's name cannot hold '.'", ""
    if isinstance(source, ReadingSource):
        for sensor in source.values:
            yield from _unknown((*path, "values", sensor), "sensor", sensor, sensors, "machines")
        yield from _codes((*path, "sensor"), "sensor", source.sensor, sensors, "machines")
    for key, column in _single_values(source):
        if column.image is not None or column.vector is not None:
            yield (*path, *key), "an image or a vector can be a value of part_steps only", ""
    if isinstance(source, StateSource):
        yield from _codes((*path, "state"), "state", source.state, [state.value for state in MachineState], "")
    if isinstance(source, PartSource | DispositionSource):
        yield from _codes((*path, "step"), "step", source.step, plant.steps, "steps")
    if isinstance(source, PartSource | ReadingSource | StateSource):
        yield from _codes((*path, "machine"), "machine", source.machine, plant.machines, "machines")
    yield from _conversions(plant, path, source)
    yield from _partitions(plant, path, source)


def _single_values(source: SourceBase) -> Iterator[tuple[tuple[str, ...], ValueColumn]]:
    """The value columns that must hold a single number, with their keys."""
    if isinstance(source, ReadingSource):
        yield from ((("values", name), column) for name, column in source.values.items())
    if isinstance(source, ReadingSource | OutcomeSource) and source.value is not None:
        yield ("value",), source.value


def _conversions(plant: Plant, path: tuple[str, ...], source: SourceBase) -> Iterator[Contradiction]:
    """Machines and sensors that a conversion is limited to, of which the source's rows must tell."""
    values = list(_single_values(source))
    if isinstance(source, PartSource):
        values = [(("values", name), column) for name, column in source.values.items()]
    sensors = sorted({sensor for machine in plant.machines.values() for sensor in machine.sensors})
    for key, column in values:
        for i, entry in enumerate(column.conversions):
            for what, name, allowed in (("machine", entry.machine, plant.machines), ("sensor", entry.sensor, sensors)):
                here: tuple[str | int, ...] = (*path, *key, "conversions", i, what)
                if name is not None and getattr(source, what, None) is None:
                    yield here, f"the rows of this source name no {what}", ""
                elif name is not None:
                    yield from _unknown(here, what, name, allowed, "machines")


def _codes(
    path: tuple[str, ...], what: str, column: CodeColumn | None, allowed: Iterable[str], section: str
) -> Iterator[Contradiction]:
    for code, name in column.codes.items() if column else ():
        yield from _unknown((*path, "codes", code), what, name, allowed, section)


def _partitions(plant: Plant, path: tuple[str | int, ...], source: SourceBase) -> Iterator[Contradiction]:
    if source.partitions and isinstance(source, OutcomeSource | DispositionSource):
        yield (*path, "partitions"), "partitions are for part_steps, readings and machine_states", ""
        return
    what, allowed, section = (
        ("step", list(plant.steps), "steps")
        if isinstance(source, PartSource)
        else ("machine", list(plant.machines), "machines")
    )
    times = Counter[str]()
    for partition, names in source.partitions.items():
        for i, member in enumerate(names):
            member_path: tuple[str | int, ...] = (*path, "partitions", partition, i)
            yield from _unknown(member_path, what, member, allowed, section)
            times[member] += 1
            if times[member] == 2:
                yield member_path, f"{what} {member!r} is in two partitions", ""
