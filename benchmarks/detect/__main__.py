"""`python -m benchmarks bench_detect` (`make bench-detect`): detectors of machines on public data and simulated plants.

`python -m benchmarks.detect NAME...` runs some: skab_outliers and skab_changes (the first 400 rows of each run are
learnt), tep (the limit is from d00 alone), nab (standard profile, one threshold), engines (C-MAPSS FD001: the first
30 % of each life, 60 to 100 cycles, are learnt; five cycles in a row above a limit count, from the fifth; the time left
of engines 31 to 100 by what T50 was when the first 30 failed), hydraulics (one component of the rig gets worse on each
of four presses), healthy and wear (simulated plants), kinds (of faults, on simulated machines), product (the plants
through all default detectors of the plant file), speed (rows in a unit of work), pull (as bench_pull, one day on
SQLite) and peers.

One set of defaults for all data. Parameters were chosen on SKAB's valve1, TEP's d00 and simulated plants with seeds
from 1000 to 1999; all else is for reporting. Only parts of the public data sets may be at hand (GATEWATCH_DATA,
../shared/data): no figure can be compared with a published one. The bars go to standard error as a table, all figures
to standard output as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.bench_pull import measure
from benchmarks.detect import data, hydraulics, kinds, measures, peers, simulated, speed, time_left
from benchmarks.detect.bars import compared
from benchmarks.detect.subject import Product, changes, events
from detectors.stream.metric_events import MetricEvents

_EVIDENTLY_RUNS = 6
Result = Mapping[str, Any]


def _skab_outliers(given: argparse.Namespace) -> Result:
    return measures.skab_outliers(Product(1.0), data.skab(given.data))


def _skab_changes(given: argparse.Namespace) -> Result:
    return measures.skab_changes(changes, data.skab(given.data))


def _nab(given: argparse.Namespace) -> Result:
    return measures.nab(events, data.nab(given.data), data.nab_weights(given.data))


def _tep(given: argparse.Namespace) -> Result:
    faults = {number: data.tep(given.data, number, True) for number in data.tep_faults(given.data)}
    return measures.tep(Product(180.0), data.tep(given.data, 0, False), data.tep(given.data, 0, True), faults)


def _engines(given: argparse.Namespace) -> Result:
    lives = data.engines(given.data)
    known = time_left.time_left_of(lives[: time_left.KNOWN])
    ahead = measures.engines(Product(), lives[time_left.KNOWN :], known)["time_left"]
    return {**measures.engines(Product(), lives), "time_left": ahead}


def _hydraulics(given: argparse.Namespace) -> Result:
    curves, profile = data.hydraulic(given.data)
    draws = [list(hydraulics.presses(curves, profile, seed)) for seed in range(given.draws)]
    return measures.hydraulic(Product(60.0), draws)


def _healthy(given: argparse.Namespace) -> Result:
    return simulated.healthy(Product(), _seeds(given), given.days)


def _wear(given: argparse.Namespace) -> Result:
    return simulated.wear(Product(), _seeds(given), given.days)


def _kinds(given: argparse.Namespace) -> Result:
    return kinds.fault_kinds(_seeds(given))


def _product(given: argparse.Namespace) -> Result:
    return simulated.through_product(given.first, given.seeds, given.days)


def _seeds(given: argparse.Namespace) -> range:
    return range(given.first, given.first + given.seeds)


def _speed(given: argparse.Namespace) -> Result:
    return {f"sensors_{sensors}": _speed_of(sensors) for sensors in speed.SENSORS}


def _speed_of(sensors: int) -> Result:
    reference = speed.rows_of(sensors, speed.REFERENCE_ROWS)
    whole, judging = speed.WholeDetector(sensors), Product().fit(reference)
    peer = peers.HalfSpaceTrees().fit(reference)
    others = {
        "limits": speed.WholeDetector(sensors, speed.limits),
        "events": speed.WholeDetector(sensors, MetricEvents),
    }
    works: dict[str, speed.Work] = {
        "anomaly_score": whole, **others, "condition": judging.score, "peer_river": peer.score
    }  # fmt: skip
    measured = speed.rows_a_unit(works, sensors)
    kept: dict[str, Any] = {"anomaly_score": whole, **others, "condition": judging}
    sizes = {name: one.saved_bytes() for name, one in kept.items()}
    return {**measured, "state_bytes": sizes}


def _pull(given: argparse.Namespace) -> Result:
    return measure("sqlite", days=1.0, rounds=3)


def _peers(given: argparse.Namespace) -> Result:
    runs = data.skab(given.data)
    trees, some = peers.HalfSpaceTrees(), runs[:: max(1, len(runs) // _EVIDENTLY_RUNS)]
    return {
        "river_half_space_trees": measures.skab_outliers(trees, runs),
        "river_adwin": measures.skab_changes(peers.adwin, runs),
        "evidently_by_windows": measures.skab_outliers(peers.Evidently(), some),
        "ours_on_the_same_runs_as_evidently": measures.skab_outliers(Product(1.0), some),
        "nannyml_by_windows": measures.skab_outliers(peers.NannyML(), runs) if peers.installed("nannyml") else None,
    }


BENCHMARKS: Mapping[str, Callable[[argparse.Namespace], Result]] = {
    "skab_outliers": _skab_outliers,
    "skab_changes": _skab_changes,
    "nab": _nab,
    "tep": _tep, "engines": _engines,
    "hydraulics": _hydraulics, "healthy": _healthy, "wear": _wear, "kinds": _kinds, "product": _product,
    "speed": _speed, "pull": _pull,
    "peers": _peers,
}  # fmt: skip


def main() -> None:
    """Run those named, else all; print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--data", type=Path, default=os.environ.get("GATEWATCH_DATA", "../shared/data"))
    parser.add_argument("--first", type=int, default=2000, help="First seed of the simulated plants.")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--days", type=float, default=5.0, help="Of each simulated plant.")
    parser.add_argument("--draws", type=int, default=10, help="Random orders of the rig's cycles.")
    given = parser.parse_args()
    unknown = set(given.names).difference(BENCHMARKS)
    if unknown:
        parser.error(f"{min(unknown)!r} is none of {', '.join(BENCHMARKS)}")
    results: dict[str, Result] = {}
    for name in given.names or BENCHMARKS:
        began = time.perf_counter()
        found = BENCHMARKS[name](given)
        results[name] = {**found, "seconds": round(time.perf_counter() - began, 1)}
        sys.stderr.write(f"{name}: {results[name]['seconds']} s\n")
    bars = list(compared(results))
    for bar in bars:
        held = "held" if bar["held"] else "MISSED"
        sys.stderr.write(f"{bar['benchmark']:14} {bar['figure']:40} {bar['found']!s:>12}  {bar['bar']:10} {held}\n")
    sys.stdout.write(json.dumps({"benchmark": "detect", "threads": 1, "bars": bars, "results": results}, indent=2))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
