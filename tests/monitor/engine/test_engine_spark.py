"""On Sail, and on plain Spark where it is installed with Java, a backfill writes what it writes without an engine."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from engine_kit import FINDING, HAS_SPARK, lines, results_of, simulated_lake
from plant_kit import NO_PICTURES, START
from waits import until

from monitor.engine.lake import open_table
from monitor.engine.local import run_site
from monitor.engine.pieces.backfill import Backfill, Part
from monitor.engine.pieces.timing import Span
from monitor.engine.running import run
from monitor.engine.streaming import committed
from monitor.plant.file.load import load

pytestmark = [pytest.mark.process, pytest.mark.own_process]

HAS_SAIL = importlib.util.find_spec("pysail") is not None
needs_spark = pytest.mark.skipif(not HAS_SPARK, reason="plain Spark is not installed: make engine")
TASKS = 8


@pytest.fixture(scope="module")
def plants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two plants, judged without an engine."""
    if not HAS_SAIL and not HAS_SPARK:
        pytest.skip("neither Sail nor Spark is installed: pip install 'gatewatch[engine]'")
    folder = tmp_path_factory.mktemp("lake")
    run(work(simulated_lake(folder, 2, 1.5)), "local", str(folder / "raw"), str(folder / "local"), "parquet")
    return folder


def work(file: Path) -> Backfill:
    """Machines and steps, without models."""
    loaded = load(file, (*NO_PICTURES, f"gates.coating.since={START.isoformat()}"))
    return Backfill.of(loaded.plant, loaded.digest, Span(START), frozenset(Part))


def on(engine: str, plants: Path, to: Path) -> dict[str, list[str]]:
    run(work(plants / "plant.yaml"), engine, str(plants / "raw"), str(to), "parquet", TASKS)
    return results_of(to)


@pytest.mark.soak
@pytest.mark.skipif(not HAS_SAIL, reason="Sail is not installed: pip install 'gatewatch[engine]'")
def test_sail_writes_the_same(plants: Path, tmp_path: Path) -> None:
    expected = results_of(plants / "local")
    assert all(expected[name] for name in ("findings", "decisions", "machine_windows", "training_parts"))
    assert on("sail", plants, tmp_path) == expected


@needs_spark
def test_two_workers_of_plain_spark_write_the_same(plants: Path, tmp_path: Path) -> None:
    assert on("local[2]", plants, tmp_path) == results_of(plants / "local")


@needs_spark
def test_an_executor_killed_halfway_changes_nothing(plants: Path, tmp_path: Path) -> None:
    killed: list[int] = []
    stop = threading.Event()
    watcher = threading.Thread(target=_kill_an_executor, args=(tmp_path, killed, stop))
    watcher.start()
    try:
        found = on("local-cluster[2,1,1024]", plants, tmp_path)
    finally:
        stop.set()
        watcher.join()
    assert killed, "no executor was killed while pieces were written"
    assert found == results_of(plants / "local")


@needs_spark
def test_a_driver_of_a_stream_killed_halfway_changes_nothing(tmp_path: Path) -> None:
    file = simulated_lake(tmp_path, 2, 5.0)
    loaded = load(file, ())
    raw = {name: open_table(str(tmp_path / "raw"), name).to_table() for name in ("historian", "machine_states")}
    whole = Span(START, START + timedelta(hours=4.5))
    expected = [
        row
        for name, table in run_site(Backfill.of(loaded.plant, "", whole, frozenset({Part.MACHINES})), raw)
        if name == "findings"
        for row in table.to_pylist()
    ]
    _by_the_hour(tmp_path / "raw", raw)
    first = _driver(tmp_path)
    commits = tmp_path / "checkpoint" / "commits"
    try:
        until(lambda: len(list(commits.glob("[0-9]*"))) >= 2 or first.poll() is not None, "two batches")
        assert first.poll() is None, "it ended before it was killed"
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    before = len(list(commits.glob("[0-9]*")))
    assert _driver(tmp_path).wait() == 0, (tmp_path / "driver.log").read_text()[-2000:]
    assert len(list(commits.glob("[0-9]*"))) > before
    found = [row for _, table in committed(str(tmp_path / "found")) for row in table.to_pylist()]
    assert len(expected) > 50
    assert lines(found, ("site", *FINDING)) == lines(expected, ("site", *FINDING))


def _driver(folder: Path) -> subprocess.Popen[bytes]:
    """The stream in a process group of its own, with the Java process that it starts."""
    script = Path(__file__).with_name("stream_driver.py")
    paths = os.pathsep.join([str(script.parents[3]), str(script.parents[2])])
    environment = {**os.environ, "PYTHONPATH": paths}
    with (folder / "driver.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, str(script), str(folder)], stdout=log, stderr=log, env=environment, start_new_session=True
        )


def _by_the_hour(raw: Path, tables: dict[str, pa.Table]) -> None:
    """Write the tables again as a file for each hour of posting, each newer than the one before."""
    shutil.rmtree(raw)
    first = int(START.timestamp() * 1000)
    for source, table in tables.items():
        (raw / source).mkdir(parents=True)
        hours = [max(0, (posted - first) // 3_600_000) for posted in table.column("POSTED").to_pylist()]
        for hour in range(7):
            path = raw / source / f"{hour}.parquet"
            pq.write_table(table.filter(pa.array([h == hour for h in hours])), path)
            os.utime(path, (1_700_000_000 + hour, 1_700_000_000 + hour))


def _kill_an_executor(to: Path, killed: list[int], stop: threading.Event) -> None:
    """Kill one of this process's executors once the first piece has been written and others are at work."""
    while not stop.wait(0.05):
        written = [path for folder in to.glob(".staged-*") for path in folder.rglob("part-*.parquet")]
        if any(path.stat().st_size for path in written):
            executors = list(_executors())
            if len(executors) == 2:
                os.kill(executors[0], signal.SIGKILL)
                killed.append(executors[0])
                return


def _executors() -> Iterator[int]:
    """Executors among the processes below this one."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            if b"CoarseGrainedExecutorBackend" in (entry / "cmdline").read_bytes() and _is_below(int(entry.name)):
                yield int(entry.name)


def _is_below(process: int) -> bool:
    while process > 1 and process != os.getpid():
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return process == os.getpid()
