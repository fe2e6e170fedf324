"""`gatewatch steps rank`: what it prints and writes, what /metrics tells of it, and what cannot be ranked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_kit import NOW, gatewatch
from steps_kit import Made, make_plant

from exporters.metrics.collector import exposition
from exporters.metrics.shared.metric import Bounds
from inference.steps.ranking import rank  # noqa: F401 - imported here once, not in every forked command
from monitor.plant.file.load import load
from monitor.store.database.database import Store
from monitor.store.metrics import metrics_snapshot

pytestmark = pytest.mark.process
LEAK = ("--characteristic", "leak")


@pytest.fixture(scope="module")
def ranked(new_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plant file of a plant with 300 parts; rankings of it may be kept."""
    return make_plant(tmp_path_factory.mktemp("ranked") / "plant", new_store)


def without_progress(text: str) -> str:
    """What was said beside progress, of which a line comes every 5 s."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("steps rank: "))


def test_each_step_is_a_line_with_its_conclusion(ranked: Path) -> None:
    said = gatewatch("steps", "rank", ranked, "--characteristic", "width")
    assert (said.code, without_progress(said.err)) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == "width: 300 parts in 20 lots"
    ends = {line.split()[0]: line for line in lines[5:]}
    assert list(ends) == ["press", "wash", "paint", "pack"]
    assert ends["press"].endswith("deserves a gate, has gate width")
    assert ends["wash"].endswith("no gain shown")
    assert ends["paint"].endswith("deserves a gate, has none")
    assert ends["pack"].endswith("not ranked: it has no values")


def test_as_data_and_as_a_page_and_in_the_metrics_it_is_the_same(ranked: Path) -> None:
    page = ranked.parent / "steps.html"
    said = gatewatch("steps", "rank", ranked, "--json", "--html", page)
    assert said.code == 0
    assert without_progress(said.err) == f"{page}: written\n"
    data = json.loads(said.out)
    assert data["refused"] == {"colour": "characteristic 'colour': no part has an outcome yet; wait for outcomes"}
    assert [r["characteristic"] for r in data["rankings"]] == ["width", "leak"]
    width, leak = ({s["step"]: s for s in r["steps"]} for r in data["rankings"])
    assert [name for name, step in width.items() if step["deserves_gate"]] == ["press", "paint"]
    assert [name for name, step in leak.items() if step["deserves_gate"]] == ["press"]
    assert (width["press"]["gate"], leak["press"]["gate"]) == ("width", None)
    assert width["paint"]["low"] < width["paint"]["gain"] < width["paint"]["high"]
    text = page.read_text(encoding="utf-8")
    assert "2 of 4 steps deserve a gate; without one: paint." in text
    assert "no part has an outcome yet" in text
    store = Store(f"sqlite:///{ranked.parent}/gatewatch.db")
    with store.read() as connection:
        told = exposition(metrics_snapshot(connection, NOW), Bounds(load(ranked).plant))[0].decode()
    store.close()
    for name, step in width.items():
        expected = f'gatewatch_step_gain_ratio{{characteristic="width",step="{name}"}} {step["gain"]}\n'
        assert (expected in told) == (step["gain"] is not None), name
    assert 'gatewatch_step_deserves_gate{characteristic="leak",step="press"} 1.0\n' in told


def test_a_later_ranking_takes_the_place_of_the_one_before(ranked: Path) -> None:
    for newest in ("250", "200"):
        found = json.loads(gatewatch("steps", "rank", ranked, *LEAK, "--newest", newest, "--json").out)
    trial = json.loads(gatewatch("steps", "rank", ranked, *LEAK, "--newest", "100", "--trial", "--json").out)
    assert trial["rankings"][0]["parts"] == 100, "and it is not kept"
    store = Store(f"sqlite:///{ranked.parent}/gatewatch.db")
    with store.read() as connection:
        kept = {r.step: r.gain for r in metrics_snapshot(connection, NOW).step_ranks if r.characteristic == "leak"}
    store.close()
    assert found["rankings"][0]["parts"] == 200
    assert kept == {step["step"]: step["gain"] for step in found["rankings"][0]["steps"] if step["gain"] is not None}


REFUSED = {
    "no part yet": (Made(parts=0), "width", "no part has an outcome yet; wait for outcomes"),
    "too few parts": (
        Made(parts=70, lot_parts=0), "width",
        "70 parts with an outcome make 7 blocks; at least 8 blocks of 10 parts, or 8 lots, are needed",
    ),
    "outcomes that are all alike": (Made(alike=True), "width", "the outcomes of all 300 parts are alike"),
    "parts that all pass": (Made(leaks=0), "leak", "the outcomes of all 300 parts are alike"),
    "hardly any part that leaks": (
        Made(leaks=4), "leak", "4 of 300 parts are of another class than the most frequent one; at least 10 are needed",
    ),
    "no values": (Made(values=False), "width", "no step has values of its parts; give a part_steps source `values`"),
}  # fmt: skip


@pytest.mark.parametrize(("made", "name", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_ranked_is_one_sentence(
    made: Made, name: str, sentence: str, new_store: Path, tmp_path: Path
) -> None:
    plant = make_plant(tmp_path / "plant", new_store, made)
    said = gatewatch("steps", "rank", plant, "--characteristic", name)
    assert (said.code, said.out) == (3, "")
    assert said.err.startswith(f"gatewatch: characteristic '{name}': {sentence}")
    assert len(said.err.splitlines()) == 1


WRONG = {
    "an unknown characteristic": (
        ("--characteristic", "weight"),
        "characteristic 'weight': the plant file has no such characteristic; it has width, leak, colour",
    ),
    "a page into no folder": (("--html", "/nowhere/at/all/steps.html"), "expected a file in a folder that exists"),
    "too few parts asked for": (("--newest", "5"), "5 is not in the range"),
}


@pytest.mark.parametrize(("options", "sentence"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_a_sentence(options: tuple[str, ...], sentence: str, ranked: Path) -> None:
    said = gatewatch("steps", "rank", ranked, *options)
    assert said.code == 2
    assert sentence in said.err
    assert "Traceback" not in said.err
