"""The demo on many seeds: alerts by fault and delay, false alerts, notifications, models healed or made worse.

`python -m benchmarks.bench_demo` (`make bench-demo`) runs the demo of five days on the default seed and ten others,
and ten seeds of a plant without faults, each in a process of its own, two at a time: about half an hour. Every number
is of the runs themselves; no parameter was chosen on these seeds (those were 1000 and up).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean, median
from typing import Any

import sqlalchemy as sa

from inference.packaging import load as load_package
from inference.policy.gate import input_rows
from inference.registry import Registry
from monitor.demo.truth import time_of
from monitor.pipeline.passages import gate_input, passage_of
from monitor.plant.file.load import load
from monitor.plant.plant import Plant
from monitor.runtime.app import make_registry
from monitor.store.database import tables as t
from monitor.store.database.schema import open_existing
from monitor.store.rows.decisions import said_by
from monitor.store.rows.parts import part_steps

SEEDS = tuple(range(1, 12))
HEALTHY_SEEDS = tuple(range(21, 31))
_END = "2026-03-06T00:00:00Z"
_AT_ONCE = 2


def run_demo(seed: int, faults: bool, days: int, folder: Path) -> dict[str, Any]:
    """Run one demo in a process of its own; its summary."""
    command = [
        sys.executable, "-m", "monitor.cli", "demo", "--json", "--seed", str(seed), "--days", str(days), "--end", _END,
        "--dir", str(folder), "--faults" if faults else "--no-faults",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the demo of seed {seed} failed: {done.stderr[-2000:]}")
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def run(seed: int, faults: bool, days: int, folder: Path) -> dict[str, Any]:
    """One demo: its summary, without what depends on the machine, and what its promotions were worth."""
    summary = run_demo(seed, faults, days, folder)
    return {"seed": seed, **summary["watching"], "promotions": list(promotions(folder)), "seconds": summary["seconds"]}


def promotions(folder: Path) -> Iterator[dict[str, Any]]:
    """Each promoted challenger against the champion it replaced, by the truth of the parts decided after it."""
    plant = load(folder / "plant.yaml").plant
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    store, registry = open_existing(plant.store.url), make_registry(plant)
    with store.read() as connection:
        promoted = connection.execute(sa.select(t.retraining).where(t.retraining.c.state == "promoted")).all()
        for row in promoted:
            yield {"gate": row.gate, "version": row.challenger, **_worth(connection, plant, registry, row, truth)}
    store.close()


def _worth(
    connection: sa.Connection, plant: Plant, registry: Registry, row: Any, truth: Mapping[str, Any]
) -> dict[str, Any]:
    """Mean absolute errors over the same parts: both models, and the champion had nothing changed.

    Of a promotion before the change, parts that the change touched later say nothing: they are left out.
    """
    c = t.decision.c
    query = sa.select(t.decision).where(c.gate == row.gate, c.decided_at > row.finished_at, c.predicted.is_not(None))
    parts = truth["parts"]
    shifts = {
        serial: fault["magnitude"]
        for fault in truth["faults"] if fault["kind"] == "concept_change" for serial in fault["serials"]
    }  # fmt: skip
    unchanged = {serial: value - shifts.get(serial, 0.0) for serial, value in parts.items()}
    starts = [time_of(fault["start"]) for fault in truth["faults"] if fault["kind"] == "concept_change"]
    before = any(row.finished_at < start for start in starts)
    decided = [d for d in connection.execute(query) if d.serial in parts and not (before and d.serial in shifts)]
    if not decided:
        return {"parts": 0, "worse": False, "to_unchanged": None}
    named = {"champion": (row.champion, parts), "challenger": (row.challenger, parts),
             "champion_unchanged": (row.champion, unchanged)}  # fmt: skip
    errors = {
        name: fmean(_errors(connection, plant, registry, row.gate, version, decided, known))
        for name, (version, known) in named.items()
    }
    worse = errors["challenger"] > errors["champion"]
    ratio = round(errors["challenger"] / errors["champion_unchanged"], 3)
    return {"parts": len(decided), **errors, "worse": worse, "to_unchanged": ratio}


def _errors(
    connection: sa.Connection, plant: Plant, registry: Registry, gate: str, version: str, decided: Sequence[Any],
    truth: Mapping[str, float],
) -> list[float]:  # fmt: skip
    v = t.model_version.c
    found = connection.execute(sa.select(t.model_version).where(v.gate == gate, v.version == version)).one()
    model = load_package(registry.cache_path(found.model, found.digest), found.digest)
    gate_now = plant.gates[gate]
    said = said_by(connection, [earlier.gate for earlier in gate_now.earlier], [d.serial for d in decided])
    parts = []
    for d in decided:
        seen = {row.arrival: passage_of(row) for row in part_steps(connection, d.inputs.values())}
        earlier = {step: seen[a] for step, a in d.inputs.items() if a != d.arrival}
        parts.append(gate_input(gate_now, seen[d.arrival], earlier, said)[0])
    predictions = model.predict(input_rows(parts, model.inputs))
    return [abs(p.value - truth[d.serial]) for p, d in zip(predictions, decided, strict=True)]


def summed(runs: Sequence[Mapping[str, Any]], healthy: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of the bars."""
    faults = [fault for found in runs for fault in found["faults"]]
    kinds = dict.fromkeys(fault["kind"] for fault in faults)
    told = [sum(fault["notifications"].values()) for fault in faults]
    healed = [facts["healed_to_before"] for found in runs for facts in found["healing"].values()]
    made = [p for found in runs for p in found["promotions"]]
    # The last one of a gate is that which met the change; an earlier one met a passing fault.
    last = [{p["gate"]: p["to_unchanged"] for p in found["promotions"]} for found in runs]
    paired = [ratio for gates in last for ratio in gates.values() if ratio is not None]
    return {
        "seeds": [found["seed"] for found in runs],
        "noticed": {kind: _noticed([f for f in faults if f["kind"] == kind]) for kind in kinds},
        "missed": sum(fault["hours_to_finding"] is None for fault in faults),
        "without_an_alert_of_its_own": sum(fault["hours_to_alert"] is None for fault in faults),
        "false_alerts_a_day": {str(found["seed"]): found["alerts_outside_a_day"] for found in runs},
        "most_false_alerts_a_day": max((found["alerts_outside_a_day"] for found in runs), default=None),
        "notifications_a_fault": {"most": max(told, default=0), "mean": round(fmean(told), 2) if told else None},
        "notifications_a_fault_and_team": _by_team(faults, "notifications_by_team"),
        "own_notifications_a_fault_and_team": _by_team(faults, "own_notifications_by_team"),
        "likely_causes": _causes(faults),
        "healed_to_before": {
            "gates_healed": sum(h is not None for h in healed), "of": len(healed),
            "worst": max((h for h in healed if h is not None), default=None),
            "within_10_percent": sum(h is not None and h <= 1.1 for h in healed),
        },
        "healed_to_the_champion_without_the_change": {
            "promotions": len(paired), "worst": max(paired, default=None),
            "within_10_percent": sum(ratio <= 1.1 for ratio in paired),
        },
        "promotions": len(made), "worse_models_in_force": sum(p["worse"] for p in made),
        "refusals": sum(r["state"] == "refused" for found in runs for r in found["retraining"]),
        "healthy_seeds": [found["seed"] for found in healthy],
        "healthy_alerts_a_day": {str(found["seed"]): found["alerts_outside_a_day"] for found in healthy},
        "most_healthy_alerts_a_day": max((found["alerts_outside_a_day"] for found in healthy), default=None),
    }  # fmt: skip


def _by_team(faults: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """Notifications to each team that was told of a fault: of any alert that may be its, or of `own` ones, which
    count for the fault that began last.
    """
    told = [count for fault in faults for count in fault[name].values()]
    untold = sum(not fault[name] for fault in faults)
    return {"most": max(told, default=0), "mean": round(fmean(told), 2) if told else None, "faults_untold": untold}


def _causes(faults: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Whether the first cause that a fault's own alerts cite is the fault, and what is cited instead."""
    cited: dict[str, Counter[str]] = {}
    for fault in faults:
        cause = fault["cause"]
        named = "right" if cause["right"] else cause["words"] or "none"
        cited.setdefault(fault["kind"], Counter())[named] += 1
    right = sum(fault["cause"]["right"] for fault in faults)
    return {
        "faults": len(faults), "right": right, "share": round(right / max(1, len(faults)), 3),
        "cited": {kind: dict(counts) for kind, counts in cited.items()},
    }  # fmt: skip


def _noticed(faults: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {"of": len(faults)}
    for what in ("finding", "alert"):
        hours = [fault[f"hours_to_{what}"] for fault in faults if fault[f"hours_to_{what}"] is not None]
        times = {"median_hours": round(median(hours), 2) if hours else None, "most_hours": max(hours, default=None)}
        found[f"by_{what}"] = {"faults": len(hours), **times}
    return found


def _all(seeds: Sequence[int], faults: bool, days: int, place: Path) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        jobs = [pool.submit(run, s, faults, days, place / f"{'faults' if faults else 'healthy'}-{s}") for s in seeds]
        found = []
        for job in jobs:
            found.append(job.result())
            sys.stderr.write(_line(found[-1]) + "\n")
    return found


def _line(found: Mapping[str, Any]) -> str:
    missed = [f"{f['kind']} at {f['subject']}" for f in found["faults"] if f["hours_to_finding"] is None]
    healed = {gate: facts["healed_to_before"] for gate, facts in found["healing"].items()}
    return (
        f"seed {found['seed']}: missed {missed or 'none'}; {found['alerts_outside_a_day']} alerts a day outside faults "
        f"{found['outside'][:4]}; healed {healed or '-'}; replay {found['seconds'].get('replay the history')} s"
    )


def main() -> None:
    """Run, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS, help="seeds of the plant with faults")
    parser.add_argument("--healthy-seeds", type=int, nargs="*", default=HEALTHY_SEEDS, help="seeds without faults")
    parser.add_argument("--days", type=int, default=5, help="simulated days of each")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gatewatch-bench-demo-") as place:
        runs = _all(chosen.seeds, True, chosen.days, Path(place))
        healthy = _all(chosen.healthy_seeds, False, chosen.days, Path(place))
    json.dump({**summed(runs, healthy), "runs": runs, "healthy": healthy}, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
