"""Parts a second through a gate, against the bare forward pass of the same network.

`python -m benchmarks.bench_gate`. Three programs work on the same parts with the same trained network, one thread each:

- bare: the network alone on float64 rows in batches of 256, already in memory as tensors;
- judge: from `PartInput` values to decisions, as the pipeline asks it, in pages of 1,000 parts;
- pipeline: one slot of the job `pull:mes` over part steps in pages of 1,000 rows: read, type, images to features,
  compare with what is known, both gates, and commit of rows, decisions, outbox rows and cursor (SQLite). Its parts are
  those decided on; each decision comes with about two part steps that no gate judges.

Medians over the rounds; for the pipeline, which trains its models first, one run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
import torch

from benchmarks.plants import SHAPES, START, make_plant, opened, served, sqlite_files
from inference.models.shapes.network import BATCH
from inference.policy.gate import judge
from monitor.model import PartInput, PartKey
from monitor.runtime.app import App
from monitor.store.database import tables as t

PAGE = 1000


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _trained(app: App, clock: Any) -> None:
    """Let each gate get its first model, as it does in a replay."""
    for name in ("pull:mes", "pull:final_test", *(f"model:{gate}" for gate in SHAPES)):
        served(app, name, START)
    ready = START + timedelta(hours=1)
    clock.move_to(ready)
    for gate in SHAPES:
        served(app, f"model:{gate}", ready)


def _parts(app: App, gate: str, parts: int) -> list[PartInput]:
    """Inputs near the middle of what the gate was trained on: training rows, over and over."""
    from monitor.gate_models.training_set import training_set

    with app.store.read() as connection:
        data = training_set(connection, app.plant.gates[gate], app.plant.max_ages(), app.clock.now())
    rows = data.rows[np.arange(parts) % len(data.rows)]
    names = app.plant.gates[gate].inputs()
    return [
        PartInput(PartKey(f"B{i}", gate, 1), START, dict(zip(names, row, strict=True)))
        for i, row in enumerate(rows.tolist())
    ]


def _forward(model: Any, batches: Sequence[torch.Tensor]) -> None:
    with torch.inference_mode():
        for batch in batches:
            model.network(batch)
            model.regression.predict(batch.numpy())


def gate_alone(app: App, gate: str, parts: int, rounds: int) -> dict[str, object]:
    """Bare forward and judge, by turns."""
    config = app.plant.gates[gate]
    model: Any = app.models.for_gates([gate])[gate].model
    asked = _parts(app, gate, parts)
    pages = [asked[i : i + PAGE] for i in range(0, parts, PAGE)]
    rows = torch.tensor([[p.values[n] for n in model.inputs] for p in asked], dtype=torch.float64)
    batches = list(rows[: parts // BATCH * BATCH].split(BATCH))
    spec_at = app.plant.characteristics[config.characteristic].spec_at
    decide = partial(judge, model, None, spec_at=spec_at, band=config.rework_band())

    def pass_pages() -> None:
        for page in pages:
            decide(parts=page)

    _forward(model, batches[:4])
    bare = [_timed(partial(_forward, model, batches)) for _ in range(rounds)]
    judged = [_timed(pass_pages) for _ in range(rounds)]
    plain = len(batches) * BATCH / statistics.median(bare)
    mine = parts / statistics.median(judged)
    return {
        "gate": gate, "parts": parts, "inputs": len(model.inputs), "rounds": rounds,
        "bare_parts_per_second": round(plain), "judge_parts_per_second": round(mine), "ratio": round(mine / plain, 4),
    }  # fmt: skip


def pipeline(app: App, clock: Any, days: float) -> dict[str, object]:
    """The whole job over the history's part steps."""
    end = START + timedelta(days=days + 2)
    clock.move_to(end)
    with app.store.read() as connection:
        before = connection.execute(sa.select(sa.func.count()).select_from(t.decision)).scalar_one()
    seconds = -time.perf_counter()
    slot = served(app, "pull:mes", end)
    seconds += time.perf_counter()
    with app.store.read() as connection:
        decided = connection.execute(sa.select(sa.func.count()).select_from(t.decision)).scalar_one() - before
    return {
        "part_steps": slot.result.rows, "decisions": decided, "page_rows": PAGE,
        "decisions_per_second": round(decided / seconds), "part_steps_per_second": round(slot.result.rows / seconds),
    }  # fmt: skip


def measure(days: float, parts: int, rounds: int) -> dict[str, object]:
    """Everything, in a folder of its own."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="gatewatch-bench-") as place:
        folder = Path(place)
        where = sqlite_files(folder)
        plant = make_plant(folder, where, days, commissioning=300)
        app, clock = opened(plant, where, START, f"store.batch_rows={PAGE}")
        _trained(app, clock)
        gates = [gate_alone(app, gate, parts, rounds) for gate in SHAPES]
        whole = pipeline(app, clock, days)
        app.close()
    plain = statistics.harmonic_mean([float(g["bare_parts_per_second"]) for g in gates])  # type: ignore[arg-type]
    whole["ratio"] = round(float(whole["decisions_per_second"]) / plain, 5)  # type: ignore[arg-type]
    return {"benchmark": "gate", "threads": 1, "gates": gates, "pipeline": whole}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=float, default=20.0, help="History for the pipeline; about 480 decisions a day.")
    parser.add_argument("--parts", type=int, default=51_200, help="Parts for bare and judge.")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    found = measure(arguments.days, arguments.parts, arguments.rounds)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
