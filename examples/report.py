"""Run an example in full and print what came of it.

    python -m examples.report NAME [--data DIR] [--keep DIR] [--as-is]

Loads the data, replays it whole, and replays it again with retraining switched off, so that both errors stand
beside each other; `--as-is` leaves the second run out.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from examples import summary
from examples.loading import Loaded, Trouble, fill, write_plant
from monitor.clock import SimulatedClock
from monitor.errors import MonitorError
from monitor.plant.file.load import load
from monitor.runtime.app import make_app
from monitor.runtime.progress import Progress
from monitor.runtime.replay import replay
from monitor.scheduling.runner import SlotOutcome
from monitor.store.database.schema import open_existing

ROOT = Path(__file__).parents[1]
NAMES = ("ai4i2020", "hydraulic", "liveline", "neu", "secom", "skab")


def prepare(name: str, data: Path, folder: Path) -> Loaded:
    """Fill the example's tables in a folder of its own and write the plant file beside them."""
    loaded: Loaded = importlib.import_module(f"examples.{name}.load").load(
        data / name if (data / name).is_dir() else data
    )
    url = f"sqlite:///{folder.resolve()}/plant.db"
    fill(url, loaded.tables)
    write_plant(ROOT / "examples" / name / "plant.yaml", folder / "plant.yaml", url, loaded.plant or {})
    return loaded


def run(folder: Path, loaded: Loaded, overrides: Sequence[str] = ()) -> tuple[float, list[str]]:
    """Replay the whole history; wall seconds and a sentence for each job that failed."""
    start = loaded.start - timedelta(seconds=1)
    clock = SimulatedClock(start)
    app = make_app(load(folder / "plant.yaml", overrides), clock, simulated=True)
    began, failed = time.perf_counter(), {}
    try:
        with Progress("replay", start, loaded.end) as progress:
            for at, name, slot in replay(app, clock, start, loaded.end):
                progress.reached(at)
                if slot.outcome is SlotOutcome.FAILURE:
                    failed[name] = f"{name}: {slot.error}"
    finally:
        app.close()
    return time.perf_counter() - began, list(failed.values())


def told(name: str, folder: Path, overrides: Sequence[str] = ()) -> list[str]:
    """The summary of a store, and for a folder with labels what they say of it."""
    plant = load(folder / "plant.yaml", overrides).plant
    store = open_existing(plant.store.url)
    with store.read() as connection:
        found = list(summary.lines(connection, plant))
        if name == "skab":
            from examples.skab.evaluate import labels_of, lines

            found += lines(connection, labels_of(plant.sources["historian"].url))
    store.close()
    return found


def main() -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--data", type=Path, default=os.environ.get("GATEWATCH_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--keep", type=Path, help="folder for databases and models; kept afterwards")
    parser.add_argument("--as-is", action="store_true", help="leave out the run without retraining")
    given = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="gatewatch-example-") as place:
            _both(given.name, Path(given.data), given.keep or Path(place), given.as_is)
    except (Trouble, MonitorError) as error:
        sys.stderr.write(f"examples.report: {error}\n")
        return 3
    return 0


def _both(name: str, data: Path, folder: Path, as_is: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    loaded = prepare(name, data, folder)
    gates = load(folder / "plant.yaml").plant.gates
    runs: dict[str, list[str]] = {"as it is": []}
    if gates and not as_is:
        where = folder.resolve()
        runs["without retraining"] = [
            f"store.url=sqlite:///{where}/without.db", f"mlflow.tracking_uri=sqlite:///{where}/without-mlflow.db",
            *(f"gates.{gate}.retraining.enabled=false" for gate in gates),
        ]  # fmt: skip
    for title, overrides in runs.items():
        seconds, failed = run(folder, loaded, overrides)
        print(f"\n{name}, {title}: {loaded.start:%Y-%m-%d %H:%M} to {loaded.end:%Y-%m-%d %H:%M} in {seconds:.0f} s")
        for line in [*told(name, folder, overrides), *failed]:
            print(f"  {line}")


if __name__ == "__main__":
    sys.exit(main())
