"""Models for data outside any plant, by the command line: what is read, what is told, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from inference import packaging
from inference.standalone.tables import Roles, find_inputs, read_table
from inference.standalone.training import profile_first, profile_points
from monitor.cli import main


class Said(NamedTuple):
    code: int
    out: str
    err: str

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def gatewatch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Said:
        monkeypatch.setattr("sys.argv", ["gatewatch", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return run


def curves(count: int = 300, seed: int = 1) -> pd.DataFrame:
    """Parts with a curve of 12 points, lots of ten, and a number that follows from the curve."""
    rng = np.random.default_rng(seed)
    amount, x = rng.normal(size=(count, 2)), np.linspace(-1, 1, 12)
    points = 2 + 0.2 * amount @ np.stack([1 - x**2, np.sin(np.pi * x)]) + 0.01 * rng.normal(size=(count, 12))
    frame = pd.DataFrame(points, columns=[f"y{i + 1}" for i in range(12)])
    return frame.assign(lot=np.arange(count) // 10, note="ok", force=5 + amount[:, 0] + 0.05 * rng.normal(size=count))


@pytest.mark.slow
def test_from_a_table_to_scores_in_its_order(gatewatch: Callable[..., Said]) -> None:
    frame = curves()
    frame[:250].to_csv("a.csv", index=False)
    frame[250:].drop(columns=["force"]).to_csv("b.csv", index=False, sep=";")
    said = gatewatch(
        "model", "train", "press", "--kind", "shape", "--data", "a.csv", "--target", "force", "--groups", "lot"
    )
    assert said.code == 0, said.err
    assert "note: column 'note' is left out: it has one value only" in said.err
    assert "skill" in said.out
    scored = gatewatch("model", "score", "press", "b.csv", "--json")
    lines = scored.lines()
    assert [line["row"] for line in lines] == list(range(50))
    truth = frame["force"][250:].to_numpy()
    value, lower, upper = (
        np.array([line[name] for line in lines], dtype=float) for name in ("value", "lower", "upper")
    )
    assert np.corrcoef(value, truth)[0, 1] > 0.95
    assert ((lower <= truth) & (truth <= upper)).mean() > 0.75
    assert all(0 <= float(str(line["anomaly_score"])) < 10 for line in lines)


@pytest.mark.slow
def test_the_same_data_makes_the_same_package(gatewatch: Callable[..., Said]) -> None:
    curves().to_csv("a.csv", index=False)
    options = ("--kind", "shape", "--data", "a.csv", "--target", "force", "--json")
    digests = {json.loads(gatewatch("model", "train", name, *options).out)["digest"] for name in "ab"}
    assert len(digests) == 1
    assert packaging.verify(Path(".gatewatch-models/a")).target == "force"


def test_a_forecast_follows_the_outcomes_of_the_rows_before(gatewatch: Callable[..., Said]) -> None:
    rng = np.random.default_rng(3)
    values = 10 + 0.2 * rng.normal(size=400) + (np.arange(400) >= 200)
    times = pd.date_range("2026-01-01", periods=400, freq="min")
    frame = pd.DataFrame({"at": times, "width": values})
    frame[:200].to_csv("a.csv", index=False)
    frame[200:].sample(frac=1, random_state=1).to_csv("b.csv", index=False)
    assert gatewatch("model", "train", "w", "--kind", "forecast", "--data", "a.csv", "--target", "width").code == 0
    lines = gatewatch("model", "score", "w", "b.csv", "--json", "--time", "at").lines()
    order = pd.read_csv("b.csv")["at"].argsort().to_numpy()
    value = np.array([line["value"] for line in lines], dtype=float)[order]
    assert abs(value[0] - 10) < 0.3
    assert abs(value[50:].mean() - 11) < 0.1
    unknown = gatewatch("model", "score", "w", "c.csv", "--json")
    assert (unknown.code, unknown.err.count("\n")) == (2, 1)


def table(path: Path, text: str) -> pd.DataFrame:
    path.write_text(text, encoding="utf-8")
    return read_table(path)


def test_columns_are_understood(tmp_path: Path) -> None:
    frame = table(
        tmp_path / "a.csv",
        "id;temp;kind;serial;empty;flat;broken;y\n"
        + "".join(f"{i};{i % 7};{'ab'[i % 2]};S{i:03d};;1;{'?' if i % 9 == 0 else i * i};{i}\n" for i in range(120)),
    )
    found = find_inputs(frame, Roles("y"))
    assert found.names == ("temp", "kind", "broken")
    assert found.categories == {"kind": ("a", "b")}
    assert set(found.left_out) == {"id", "serial", "empty", "flat"}
    assert found.left_out["id"] == "it numbers the rows"


def test_decimal_commas_are_numbers_where_the_comma_separates_nothing(tmp_path: Path) -> None:
    frame = table(tmp_path / "a.csv", "Temperatur;Ort;y\n" + "".join(f"{i},5;Werk {i % 3},{i};1\n" for i in range(80)))
    assert frame["Temperatur"].tolist()[:2] == ["0.5", "1.5"]
    assert frame["Ort"].tolist()[0] == "Werk 0,0"


def test_numbered_columns_of_one_name_are_the_profile() -> None:
    names = ("temp", "x_10", "x_9", "x_1", "x_2", "x_3", "b1", "b2")
    assert profile_first(names) == ("x_1", "x_2", "x_3", "x_9", "x_10", "temp", "b1", "b2")
    assert profile_points(names) == 5
    assert profile_points(("a", "b", "c")) == 3


BAD = {
    "no such file": (("--data", "no.csv", "--target", "y", "--kind", "shape"), "no.csv: no such file"),
    "no kind": (("--data", "a.csv", "--target", "y"), "--data needs --kind"),
    "a kind without data": (("--kind", "shape",), "go with --data"),
    "no target": (("--data", "a.csv", "--kind", "shape"), "--target is needed"),
    "another target": (("--data", "a.csv", "--kind", "shape", "--target", "z"), "--target 'z': a.csv has no such"),
    "another group": (
        ("--data", "a.csv", "--kind", "shape", "--target", "y", "--groups", "z"), "--groups 'z': a.csv has no such",
    ),
    "a target of texts": (("--data", "a.csv", "--kind", "shape", "--target", "t"), "row 0 holds 'u'"),
    "a time of texts": (
        ("--data", "a.csv", "--kind", "shape", "--target", "y", "--time", "t"), "--time 't': row 0 holds 'u'",
    ),
    "too few rows": (("--data", "a.csv", "--kind", "shape", "--target", "y"), "too few rows to train"),
    "no rows": (("--data", "empty.csv", "--kind", "shape", "--target", "y"), "empty.csv"),
    "no table": (("--data", "bytes.csv", "--kind", "shape", "--target", "y"), "bytes.csv"),
    "a folder": (("--data", "folder", "--kind", "shape", "--target", "y"), "is a folder"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "words"), BAD.values(), ids=BAD)
def test_what_cannot_be_is_one_sentence(options: tuple[str, ...], words: str, gatewatch: Callable[..., Said]) -> None:
    rows = "".join(f"{i * i % 11},{i * i % 7},{i % 3},{i},u\n" for i in range(12))
    Path("a.csv").write_text("a,b,c,y,t\n" + rows)
    Path("empty.csv").write_text("")
    Path("bytes.csv").write_bytes(bytes(range(256)) * 20)
    Path("folder").mkdir()
    said = gatewatch("model", "train", "m", *options)
    assert said.code in (2, 3)
    assert words in said.err
    assert "Traceback" not in said.err
    assert not Path(".gatewatch-models/m").exists()


@pytest.mark.slow
def test_a_table_that_lacks_inputs_and_a_model_that_is_not_there(gatewatch: Callable[..., Said]) -> None:
    curves().to_csv("a.csv", index=False)
    pd.DataFrame({"y1": [1.0]}).to_csv("b.csv", index=False)
    assert gatewatch("model", "train", "press", "--kind", "shape", "--data", "a.csv", "--target", "force").code == 0
    said = gatewatch("model", "score", "press", "b.csv")
    assert (said.code, "b.csv lacks the columns 'y2', 'y3'" in said.err) == (2, True)
    said = gatewatch("model", "score", "other", "a.csv")
    assert (said.code, "model 'other': there is none" in said.err) == (2, True)
    said = gatewatch("model", "score", "press", "a.csv", "--map", "maps")
    assert (said.code, "is of kind shape: --map is for models of images" in said.err) == (2, True)


@pytest.mark.slow
def test_pictures_by_folder_and_by_table_and_one_that_cannot_be_read(gatewatch: Callable[..., Said]) -> None:
    rng = np.random.default_rng(4)
    for name, stripes in (("free", 0), ("scratch", 1)):
        Path(f"train/{name}").mkdir(parents=True)
        for i in range(14):
            pixels = rng.normal(120, 8, size=(96, 96)) + 90 * stripes * (np.arange(96) % 12 == i % 12)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(f"train/{name}/{i}.png")
    said = gatewatch("model", "train", "strips", "--kind", "image", "--data", "train", "--good", "free")
    assert said.code == 0, said.err
    Path("new").mkdir()
    for name in ("free", "scratch"):
        Path(f"train/{name}/3.png").rename(f"new/{name}.png")
    Path("new/a.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    scored = gatewatch("model", "score", "strips", "new", "--json", "--map", "maps")
    lines = {Path(str(line["path"])).stem: line for line in scored.lines()}
    assert [lines[name]["class"] for name in ("free", "scratch", "a")] == ["free", "scratch", None]
    assert float(str(lines["scratch"]["anomaly_score"])) > float(str(lines["free"]["anomaly_score"]))
    assert (scored.code, "1 of the pictures in new could not be read" in scored.err) == (2, True)
    assert sorted(path.name for path in Path("maps").iterdir()) == ["free.png.png", "scratch.png.png"]
    free, scratch = (np.ptp(np.asarray(Image.open(f"maps/{n}.png.png")), axis=2).mean() for n in ("free", "scratch"))
    assert scratch > 5 * free, "grey stays grey but where it is unlike good ones"
    names = [(f"train/{name}/{i}.png", name, i // 2) for name in ("free", "scratch") for i in range(14) if i != 3]
    pd.DataFrame(names, columns=["path", "what", "tile"]).to_csv("list.csv", index=False)
    options = ("--kind", "image", "--data", "list.csv", "--target", "what", "--groups", "tile", "--good", "free")
    assert gatewatch("model", "train", "again", *options).code == 0
