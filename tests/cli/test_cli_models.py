"""`gatewatch model list | retrain | rollback` as a person uses them, on a plant with two versions on record."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from plant_kit import NO_TRAINING, make_plant

from monitor.cli import cli
from monitor.plant.file.load import load
from monitor.store.database.database import Store
from monitor.store.database.schema import open_store
from monitor.store.models import retraining, versions
from monitor.store.models.versions import Version

AT = datetime(2026, 3, 2, 6, tzinfo=UTC)
COMPARISON = {
    "outcome": "better",
    "overall": {"rows": 60, "champion": 9.0, "challenger": 4.0, "gain": 5.0, "low": 4.1, "high": 5.9},
}


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """Version 1 was in force, version 2 replaced it; neither has a package in the cache."""
    file = make_plant(tmp_path / "plant", 0.1)
    store = open_store(load(file).plant.store.url)
    for number in ("1", "2"):
        version = Version(
            "forging", "blade-forging", number, f"digest {number}", AT, AT, "data", 900, {"skill": 0.5, "r2": 0.6}
        )
        versions.record_version(store, None, version)
    with store.read() as connection:
        rows = versions.list_versions(connection, "forging")
    for changes, row in enumerate(rows):
        assert versions.put_in_force(store, None, "forging", row, changes, AT + timedelta(hours=changes))
    _record(store)
    store.close()
    return file


def _record(store: Store) -> None:
    with store.write() as connection:
        retraining.add_request(connection, "forging", "ModelDegraded", "ModelDegraded:forging:1:1", AT)
        row = retraining.request_by_key(connection, "ModelDegraded:forging:1:1")
        retraining.update_request(
            connection, row, state="promoted", reason="better", champion="1", challenger="2", data_digest="d",
            comparison=COMPARISON, started_at=AT, finished_at=AT,
        )  # fmt: skip


def said(*arguments: str) -> tuple[int, str]:
    """Exit code and output."""
    done = CliRunner().invoke(cli, arguments, standalone_mode=True)
    return done.exit_code, done.output + (str(done.exception) if done.exception else "")


@pytest.mark.slow
def test_the_list_shows_what_each_version_came_from_and_how_it_compared(plant: Path) -> None:
    code, text = said("model", "list", "-p", str(plant))
    assert code == 0
    assert "version 1  retired" in text
    assert "version 2  in_force" in text
    assert "requested by ModelDegraded; promoted: better" in text
    assert "on 60 newer parts: mean error 4.00 against 9.00 of version 1; gain 5.00, between 4.10 and 5.90" in text
    rows = json.loads(said("model", "list", "-p", str(plant), "--json")[1])
    assert rows[0]["retraining"] is None
    assert rows[1]["retraining"]["comparison"] == COMPARISON


@pytest.mark.slow
def test_a_request_without_new_outcomes_waits_and_says_why(plant: Path) -> None:
    options = [part for key in NO_TRAINING for part in ("--set", key)]
    code, text = said("model", "retrain", "forging", "-p", str(plant), *options)
    assert (code, text.strip()) == (
        0, "forging: queued: too few outcomes since the last training to learn from and to compare on",
    )  # fmt: skip
    code, text = said("model", "retrain", "coating", "-p", str(plant), "--json", *options)
    assert (json.loads(text)["state"], json.loads(text)["reason"]) == ("refused", "no_champion")


WRONG = {
    "a gate that is not there": (("rollback", "welding"), "has no such gate; it has forging, machining, coating"),
    "a gate without a model": (("rollback", "coating"), "has no model in force"),
    "a version that is not there": (("rollback", "forging", "--to", "7"), "version '7' was never in force"),
    "retraining a gate that is not there": (("retrain", "welding"), "has no such gate"),
}


@pytest.mark.parametrize(("arguments", "words"), WRONG.values(), ids=WRONG)
@pytest.mark.slow
def test_wrong_use_is_one_sentence(plant: Path, arguments: tuple[str, ...], words: str) -> None:
    code, text = said("model", *arguments, "-p", str(plant))
    assert code != 0
    assert words in text
