"""The section `lake` of a plant file: where it leads, what it needs, and that nothing of it runs without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from lake_kit import START, plant_at
from plant_kit import LIVE

from monitor.clock import SimulatedClock
from monitor.errors import PlantFileError, UsageError
from monitor.lake import packages
from monitor.plant.file.load import load
from monitor.runtime.app import lake_jobs, make_app
from monitor.store.database.database import Store


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("delta:///data/lake", "/data/lake"),
        ("delta://./lake", "{folder}/lake"),
        ("delta://deep/lake", "{folder}/deep/lake"),
        ("delta+s3://bucket/a/b", "s3://bucket/a/b"),
    ],
)
def test_where_a_url_leads(url: str, location: str, tmp_path: Path) -> None:
    plant = plant_at(tmp_path, f"lake.url={url}")
    assert plant.lake is not None
    assert plant.lake.location == location.format(folder=tmp_path)


@pytest.mark.parametrize(
    "setting",
    [
        "lake.url=/data/lake", "lake.url=s3://bucket/lake", "lake.url=delta://", "lake.url=delta+s3://me:secret@host/b",
        "lake.url=delta+s3://bucket/a?key=secret", "lake.tables=[]", "lake.tables=[decisions, decisions]",
        "lake.tables=[parts]", "lake.rows=0", "lake.keep=1h", "lake.credentials=x",
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_a_sentence(setting: str, tmp_path: Path) -> None:
    with pytest.raises(PlantFileError, match="lake") as told:
        plant_at(tmp_path, setting)
    assert len(told.value.problems) == 1
    assert "secret" not in str(told.value).partition("expected")[0]


def test_a_package_that_is_missing_is_named_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_at(tmp_path)
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name == "deltalake" else name)
    loaded = load(tmp_path / "plant.yaml", (*LIVE, "lake.url=delta://./lake"))
    with pytest.raises(UsageError, match=r"deltalake cannot be imported; run pip install 'gatewatch\[lake\]'"):
        make_app(loaded, SimulatedClock(START), simulated=True)
    assert not (tmp_path / "gatewatch.db").exists()


def test_without_the_section_there_is_no_job(new_store: Path, tmp_path: Path) -> None:
    store = Store(f"sqlite:///{new_store}")
    plant = plant_at(tmp_path)
    assert [(job.name, job.interval.total_seconds()) for job in lake_jobs(store, plant)] == [("lake", 60.0)]
    assert lake_jobs(store, plant.model_copy(update={"lake": None})) == []
    store.close()


@pytest.mark.process
def test_without_the_section_nothing_of_it_is_loaded() -> None:
    code = "import sys, monitor.runtime.app; sys.exit(sorted({'deltalake', 'monitor.lake.job'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True).stderr == "[]\n"
