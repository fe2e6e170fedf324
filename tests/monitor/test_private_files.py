"""Who may read what Gatewatch writes: its owner, and nobody else."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporters.delivery import notify_log
from monitor.files import make_private, tighten
from monitor.plant.file.load import parse
from monitor.plant.plant import Plant
from monitor.runtime.private import keep_private
from monitor.store.database.backup import backup, restore
from monitor.store.database.schema import open_store

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    """That of most systems: everybody may read new files."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def modes(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): oct(mode(path)) for path in sorted(folder.rglob("*"))}


def test_the_store_its_log_its_backups_and_a_restored_one(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    with store.write() as connection:
        connection.exec_driver_sql("CREATE TABLE x (y)")
    backup(store, tmp_path / "copy.backup")
    assert modes(tmp_path) == dict.fromkeys(("copy.backup", "store.db", "store.db-shm", "store.db-wal"), "0o600")
    store.close()
    (tmp_path / "store.db").unlink()
    restore(store, tmp_path / "copy.backup", 60.0)
    assert mode(tmp_path / "store.db") == 0o600


@pytest.mark.postgres
@pytest.mark.skipif(shutil.which("pg_dump") is None, reason="pg_dump is not on PATH")
def test_a_backup_of_postgresql(postgres_store_url: str, tmp_path: Path) -> None:
    store = open_store(postgres_store_url)
    backup(store, tmp_path / "copy.backup")
    store.close()
    assert modes(tmp_path) == {"copy.backup": "0o600"}


def test_the_notification_log(tmp_path: Path) -> None:
    notify_log.send(str(tmp_path / "n.jsonl"), {"id": "1"})
    notify_log.send(str(tmp_path / "n.jsonl"), {"id": "2"})
    assert mode(tmp_path / "n.jsonl") == 0o600
    assert len((tmp_path / "n.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(("before", "after"), [(0o022, 0o077), (0o002, 0o077), (0o177, 0o177)])
def test_a_stricter_umask_stays(before: int, after: int) -> None:
    os.umask(before)
    make_private()
    assert os.umask(0o022) == after


def _plant(folder: Path) -> Plant:
    return parse((ROOT / "monitor/simulator/plant.yaml").read_text(encoding="utf-8"), folder, {}).plant


OLD = (
    "gatewatch.db", "gatewatch.db-wal", "gatewatch.db-shm", "mlflow.db", "notifications.jsonl",
    "mlartifacts/1/model.json", "models/w/digest/manifest.json", "reports/drift/a.html",
)  # fmt: skip


def test_what_the_version_before_left_open_is_closed_with_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in (*OLD, "mes.db", "plant.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    plant = _plant(tmp_path)
    keep_private(plant, tmp_path / "reports")
    for name in OLD:
        assert mode(tmp_path / name) == 0o600, name
        assert mode((tmp_path / name).parent) == (0o700 if "/" in name else mode(tmp_path)), name
    assert (mode(tmp_path / "mes.db"), mode(tmp_path / "plant.yaml")) == (0o644, 0o644), "not ours"
    (line,) = caplog.messages
    assert line == f"others could read {tmp_path}/gatewatch.db and 14 more; now only the owner can"
    keep_private(plant, tmp_path / "reports")
    assert len(caplog.messages) == 1


def test_what_a_link_leads_to_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "other.txt").write_text("x")
    (tmp_path / "ours" / "link").symlink_to(tmp_path / "other.txt")
    assert tighten([tmp_path / "ours", tmp_path / "missing"]) == [tmp_path / "ours"]
    assert mode(tmp_path / "other.txt") == 0o644


@pytest.mark.process
def test_a_command_writes_for_its_owner_and_dashboards_for_grafana(tmp_path: Path) -> None:
    def run(*arguments: str) -> None:
        command = [sys.executable, "-m", "monitor.cli", *arguments]
        subprocess.run(command, check=True, capture_output=True, umask=0o022, cwd=ROOT)

    run("dashboards", "build", "--out", str(tmp_path / "boards"))
    assert {mode(path) for path in (tmp_path / "boards").iterdir()} == {0o644}
    shutil.copy(ROOT / "monitor/simulator/plant.yaml", tmp_path / "plant.yaml")
    run("store", "upgrade", "-p", str(tmp_path / "plant.yaml"))
    assert mode(tmp_path / "gatewatch.db") == 0o600
