"""`gatewatch demo`: its summary against the store and the simulator's truth, its folder, and the pages it serves."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cli_kit import Said, gatewatch, start
from plant_kit import NO_TRAINING
from warm_kit import fork_training, warm_up

from inference.policy.regions import verdict_for
from monitor.demo.summary import as_text
from monitor.model import ReworkBand, Spec
from monitor.plant.file.load import LoadedPlant, load
from monitor.plant.plant import Plant

sys.path.append(str(Path(__file__).parent.parent / "service"))
from service_kit import free_port, get
from waits import until

pytestmark = pytest.mark.process

FOLDER = ".gatewatch-demo"
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
"""In the middle of a shift: how many parts a few hours have depends on the time of day."""
Store = sqlite3.Connection


def short(hours: float, *settings: str) -> Callable[[], None]:
    """For `before`: some hours instead of days, quick training on few parts, and more settings."""

    def patch() -> None:
        from monitor.demo import run as demo

        run, plant, simulated = demo.run_demo, demo._plant, demo.simulate

        def quick(folder: Path, began: datetime, ended: datetime, port: int) -> LoadedPlant:
            file = plant(folder, began, ended, port).path
            changes = [f"gates.{gate}.training.epochs=20" for gate in ("forging", "coating")]
            changes.append("gates.inspection.training.max_rows=120")
            file.write_text(load(file, (*changes, *settings)).text, encoding="utf-8")
            return load(file)

        fork_training()
        demo._plant = quick
        demo.simulate = partial(simulated, commissioning_parts=300)
        demo.run_demo = lambda folder, seed, _days, *more: run(folder, seed, hours / 24, *more)

    return patch


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Said]:
    """The folder of a demo of four hours, and what it said as data."""
    warm_up()
    folder = tmp_path_factory.mktemp("demo")
    said = gatewatch("demo", "--days", "1", "--json", cwd=folder, before=short(4.0), at=NOON)
    assert said.code == 0, said.err
    return folder / FOLDER, said


@pytest.fixture(scope="module")
def summary(shown: tuple[Path, Said]) -> dict[str, Any]:
    """The summary as data."""
    found: dict[str, Any] = json.loads(shown[1].out)
    return found


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "gatewatch.db")) as store:
        return store.execute(query).fetchall()


def right_of(plant: Plant, gate: str, known: dict[str, Any]) -> dict[str, str]:
    """By serial what would have been right for the part at that gate, by the truth."""
    config = plant.gates[gate]
    characteristic = plant.characteristics[config.characteristic]
    if config.of_classes:
        return {serial: characteristic.classes[name].means for serial, name in known["finish"].items()}
    entry = characteristic.specs[0]
    spec = Spec(entry.lower, entry.upper, entry.target)
    return {serial: verdict_for(hertz, spec, config.rework_band()) for serial, hertz in known["parts"].items()}


def test_what_was_recommended_is_what_the_store_holds(shown: tuple[Path, Said], summary: dict[str, Any]) -> None:
    folder, _ = shown
    plant = load(folder / "plant.yaml").plant
    known = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    assert set(summary["gates"]) == {"forging", "machining", "coating", "inspection"}
    for gate, facts in summary["gates"].items():
        truth = right_of(plant, gate, known)
        made = rows(folder, f"SELECT serial, verdict, reason FROM decision WHERE gate = '{gate}'")
        assert len(made) == facts["decided"] > 10
        for verdict, row in facts["recommended"].items():
            serials = [serial for serial, given, _ in made if given == verdict]
            classes = Counter(truth[s] for s in serials if s in truth)
            assert row["truth"] == dict(classes)
            assert row["parts"] == len(serials) == sum(row["outcome"].values())
        assert facts["hold_reasons"] == dict(Counter(reason for _, verdict, reason in made if verdict == "hold"))


def test_a_backtest_fires_what_fired_and_finds_the_same_outside_of_faults(
    shown: tuple[Path, Said], summary: dict[str, Any]
) -> None:
    said = gatewatch("alerts", "backtest", "-p", shown[0] / "plant.yaml", "--json")
    assert said.code == 0, said.err
    rules = json.loads(said.out)["rules"]
    assert {rule["rule"]: rule["episodes"] for rule in rules} == {rule["rule"]: rule["fired"] for rule in rules}
    judged = [rule["truth"] for rule in rules if "truth" in rule and rule["severity"] != "info"]
    assert sum(truth["known"] for truth in judged) == summary["watching"]["alerts"] > 0
    assert sum(truth["known"] - truth["right"] for truth in judged) == summary["watching"]["alerts_outside"]


def test_every_recommendation_reached_the_mes(shown: tuple[Path, Said], summary: dict[str, Any]) -> None:
    decided = sum(facts["decided"] for facts in summary["gates"].values())
    with closing(sqlite3.connect(shown[0] / "mes.db")) as mes:
        assert mes.execute("SELECT count(*) FROM GATE_ADVICE").fetchone()[0] == decided
    assert summary["recommendations"] == {"sent": decided}
    assert summary["rows"]["reading"] == rows(shown[0], "SELECT count(*) FROM reading")[0][0]


def test_the_gate_of_pictures_learns_in_the_first_hour_and_tells_defects(
    shown: tuple[Path, Said], summary: dict[str, Any]
) -> None:
    facts = summary["gates"]["inspection"]
    assert facts["classes"] == {"clean": "continue", "runs": "correct", "pinholes": "scrap"}
    by_model = rows(
        shown[0],
        "SELECT count(*), sum(verdict = 'hold'), min(json_array_length(probabilities)) FROM decision "
        "WHERE gate = 'inspection' AND version != ''",
    )
    decided, held, classes = by_model[0]
    assert decided > 5
    assert held < decided / 2
    assert classes == 3
    sure = {verdict: row["truth"] for verdict, row in facts["recommended"].items() if verdict != "hold"}
    right = sum(truth.get(verdict, 0) for verdict, truth in sure.items())
    assert right >= 0.9 * sum(sum(truth.values()) for truth in sure.values())
    assert "inspection" not in summary["watching"]["healing"], "a class has no error in hertz"


def test_the_operator_acted_once_on_every_coated_part_and_the_costs_are_of_these(
    shown: tuple[Path, Said], summary: dict[str, Any]
) -> None:
    folder, facts = shown[0], summary["costs"]
    acts = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["operator"]
    with closing(sqlite3.connect(folder / "mes.db")) as mes:
        advice = mes.execute("SELECT SN, PASS_NO, ADVICE FROM GATE_ADVICE WHERE OPERATION = 'coating'").fetchall()
        words = Counter(mes.execute("SELECT SN, DISP FROM QC_DISPOSITION WHERE OPERATION = 'COAT'").fetchall())
    assert {(serial, act["visit"], act["said"]) for serial, act in acts.items()} <= set(advice)
    assert facts["parts"] == len(acts) > 10
    assert facts["inspected"] == sum(act["inspected"] is not None for act in acts.values())
    codes, until = {"used": "UAI", "reworked": "RWK", "scrapped": "SCR"}, datetime.fromisoformat(summary["to"])
    done = {(serial, codes[act["did"]]): datetime.fromisoformat(act["at"]) for serial, act in acts.items()
            if act["did"] in codes}  # fmt: skip
    assert words.total() == len(words)
    assert {one for one, at in done.items() if at < until - timedelta(hours=1)} <= set(words) <= set(done)
    costs = facts["cost"]
    assert costs["of_the_gate"] <= 60 * facts["inspected"] + 1020 * len(acts) + 30000 * facts["escapes"]["parts"]


def test_findings_are_counted_by_machine(shown: tuple[Path, Said], summary: dict[str, Any]) -> None:
    for machine, facts in summary["machines"].items():
        query = f"SELECT detector, method FROM finding WHERE subject = '{machine}' AND status = 'breach'"
        assert facts["findings"] == dict(Counter(f"{d}.{m}" for d, m in rows(shown[0], query)))


def test_the_report_lies_where_the_summary_says_and_has_the_truth_in_it(
    shown: tuple[Path, Said], summary: dict[str, Any]
) -> None:
    assert summary["report"] == str(Path(FOLDER) / "reports" / "report.html")
    text = (shown[0] / "reports" / "report.html").read_text(encoding="utf-8")
    assert "Injected faults" in text
    verdicts = [pair for facts in summary["gates"].values() for pair in facts["recommended"].items()]
    recommended = sum(row["parts"] for verdict, row in verdicts if verdict != "hold")
    assert f"<strong>{recommended}</strong>" in text
    assert len(text) < 3_000_000
    assert summary["report"] in as_text(summary)


def test_the_text_says_the_numbers_of_the_data(summary: dict[str, Any]) -> None:
    text = as_text(summary)
    for gate, facts in summary["gates"].items():
        block = text.split(f"gate {gate}")[1]
        for verdict, row in facts["recommended"].items():
            line = re.search(rf"^  {verdict} .*$", block, re.MULTILINE)
            assert line is not None
            cells = [int(n) for n in re.findall(r"\d+", line.group())]
            truth, tested = row["truth"], row["outcome"]
            classes = ("continue", "correct", "scrap")
            assert cells == [
                row["parts"],
                *(truth.get(c, 0) for c in classes),
                *(tested.get(c, 0) for c in classes),
                tested.get("not_known_yet", 0),
            ]
    for fault in summary["process_faults"]:
        assert fault["kind"].replace("_", " ") in text


def test_other_commands_work_on_the_demo_s_plant_and_it_runs_again(shown: tuple[Path, Said]) -> None:
    folder, _ = shown
    plant = folder / "plant.yaml"
    now = datetime.now(UTC)
    assert gatewatch("check", plant, at=now).code == 0
    verified = json.loads(gatewatch("verify", "-p", plant, "--json", at=now).out)
    assert verified["different"] == []
    assert verified["checked"] == rows(folder, "SELECT count(*) FROM decision")[0][0]
    digests = rows(folder, "SELECT DISTINCT plant_digest FROM decision")
    assert digests == [(load(plant).digest,)], "later commands mean the same plant file"


@pytest.mark.soak
def test_served_it_shows_pages_and_nothing_is_stale(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "made-by-gatewatch-demo").touch()
    (tmp_path / FOLDER / "mes.db").write_text("of an earlier demo", encoding="utf-8")
    process = start(
        "demo", "--days", "1", "--serve", "--port", str(port), cwd=tmp_path, before=short(0.5, *NO_TRAINING), at=None
    )
    url = f"http://127.0.0.1:{port}"
    until(lambda: get(f"{url}/readyz")[0] == 200, "the pages")
    text = get(f"{url}/metrics")[1]
    assert re.findall(r"^gatewatch_job_overdue\{.*\} 1.0$", text, re.MULTILINE) == []
    assert "forge-1" in get(f"{url}/", "text/html")[1]
    os.kill(process.pid, signal.SIGTERM)
    said = process.end()
    assert said.code == 0, said.err
    assert "Traceback" not in said.err
    assert f"listening on {url}/" in said.out


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1250.0, "continue"), (1275.0, "continue"), (1275.1, "correct"), (1305.1, "scrap"), (1224.9, "scrap")],
    ids=["on target", "on the limit", "above, reworkable", "above, too far", "below, nothing can be put back"],
)
def test_what_a_part_should_have_been(value: float, expected: str) -> None:
    spec = Spec(lower=1225.0, target=1250.0, upper=1275.0)
    assert verdict_for(value, spec, ReworkBand(below=0.0, above=30.0)) == expected
