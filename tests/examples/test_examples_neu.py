"""The example of pictures: its loader on made-up files, and a cut of the real pictures through the whole chain."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from examples_kit import ROOT, data, loaded, ran, replayed, rows
from PIL import Image

from examples.loading import natural_order
from examples.neu.load import CLASSES, in_turns
from monitor.plant.file.load import load

pytestmark = pytest.mark.process

CUT_PICTURES = 22
"""Of each class."""


def picture(grey: int) -> bytes:
    """A JPEG file of one grey."""
    written = io.BytesIO()
    Image.fromarray(np.full((16, 16), grey, dtype=np.uint8)).save(written, "JPEG")
    return written.getvalue()


def put(folder: Path, *names: str) -> None:
    """Made-up files, named class/file."""
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture(i))


def test_the_classes_take_turns_each_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    put(tmp_path / "neu_det", *(f"{name}/{name}_{i}.jpg" for name in CLASSES for i in (10, 2)))
    put(tmp_path / "neu_det", "patches/patches_11.jpg", "patches/notes.txt", "other/other_1.jpg")
    said = loaded("neu", tmp_path, tmp_path)
    assert said.code == 0, said.err
    assert "CAMERA_SHOT: 13 rows" in said.out
    with sa.create_engine(f"sqlite:///{tmp_path}/plant.db").connect() as connection:
        asked = "SELECT SECTION, FILE, FOUND, PICTURE FROM CAMERA_SHOT JOIN INSPECTION USING (SECTION) ORDER BY SECTION"
        found = connection.execute(sa.text(asked)).all()
    expected = [f"{name}_{i}.jpg" for i in (2, 10) for name in CLASSES]
    assert [row.FILE for row in found] == [*expected, "patches_11.jpg"]
    assert [row.FOUND for row in found] == [*CLASSES, *CLASSES, "patches"]
    first = tmp_path / "neu_det" / CLASSES[0] / found[0].FILE
    assert ("S00001", first.read_bytes()) == (found[0].SECTION, found[0].PICTURE)


def test_a_class_with_fewer_pictures_is_passed_over_when_it_has_none_left() -> None:
    one, two, three = Path("1"), Path("2"), Path("3")
    assert in_turns({"a": [one], "b": [two, three]}) == [("a", one), ("b", two), ("b", three)]


def test_a_class_without_a_picture_is_one_sentence(tmp_path: Path) -> None:
    put(tmp_path / "in", *(f"{name}/1.jpg" for name in CLASSES[:-1]))
    said = loaded("neu", tmp_path / "in", tmp_path)
    assert (said.code, said.err.count("\n")) == (3, 1)
    assert "scratches holds no .jpg file; expected a folder of pictures for each class" in said.err


def test_the_plant_file_has_a_number_and_a_meaning_for_each_class() -> None:
    plant = load(ROOT / "examples/neu/plant.yaml").plant
    spec = plant.classes_of(plant.gates["camera"])
    assert spec is not None
    assert (spec.names, spec.values) == (CLASSES, (0, 1, 2, 3, 4, 5))
    assert {str(meaning) for meaning in spec.meanings} == {"continue", "correct", "scrap"}


@pytest.mark.soak  # near tests: four real runs of skab, tests/monitor/gate_models/test_models_of_pictures.py
def test_the_first_real_pictures_go_through_the_whole_chain(tmp_path: Path) -> None:
    """The cut: the first pictures of each class, with a first model trained earlier."""
    for name in CLASSES:
        (tmp_path / "in" / name).mkdir(parents=True)
        for file in sorted((data("neu_det") / name).glob("*.jpg"), key=natural_order)[:CUT_PICTURES]:
            shutil.copy(file, tmp_path / "in" / name)
    done = replayed(loaded("neu", tmp_path / "in", tmp_path), tmp_path, "gates.camera.training.min_outcomes=40")
    assert done.code == 0, done.err
    parts = CUT_PICTURES * len(CLASSES)
    assert rows(tmp_path, "SELECT count(*) FROM quarantine") == [(0,)]
    for table in ("part_step", "outcome", "decision"):
        assert rows(tmp_path, f"SELECT count(*) FROM {table}") == [(parts,)]
    asked = (
        "SELECT o.value, d.probabilities, d.verdict FROM decision d JOIN outcome o USING (serial) WHERE d.version != ''"
    )
    judged = rows(tmp_path, asked)
    assert len(judged) >= parts / 6, "a first model was trained"
    meant = dict(zip(range(6), ("scrap", "scrap", "continue", "scrap", "correct", "correct"), strict=True))
    right = [verdict == meant[int(value)] for value, _, verdict in judged if verdict != "hold"]
    assert len(right) > 0.5 * len(judged), "the gate decides"
    assert np.mean(right) > 0.9
    assert np.mean([np.argmax(json.loads(said)) == value for value, said, _ in judged]) > 0.85
    verified = ran("-m", "monitor.cli", "verify", "-p", tmp_path / "plant.yaml", cwd=tmp_path)
    assert f"{parts} decisions recomputed, 0 different" in verified.out, verified.err
