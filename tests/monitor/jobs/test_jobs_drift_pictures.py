"""Drift of what a gate of pictures said: its predictions and the coordinates of pictures, from its decisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drift_kit import SMALL, board, job
from picture_kit import PICTURES, png, with_pictures
from spine_kit import Spine, after

from detectors.attribution.evidence import Measured
from monitor.model import Prediction
from monitor.pictures import Picture
from monitor.pipeline.judging import InForce
from monitor.ports import PICTURE_INPUTS
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.models.versions import Version, put_in_force, record_version
from monitor.store.watching.board import breaches
from monitor.windows.attribution import Evidence
from monitor.windows.frozen import window_of

SAID = ("embedding_1", "embedding_distance")
PHOTO = ("photo_mean", "photo_std", "photo_gradient")
MOST = 50
CHANGES = {
    **SMALL,
    **PICTURES,
    "training: {min_outcomes: 40, takes: 20m}": f"training: {{min_outcomes: 40, takes: 20m, max_rows: {MOST}}}",
}


@dataclass(frozen=True)
class Corner:
    """Predicts by the first corner of a picture, and says so; `asked` counts pictures."""

    digest: str = "corner"
    coordinates: int = 2
    asked: list[int] = field(default_factory=list)
    classes: tuple[str, ...] = ("passed", "failed")
    inputs: tuple[str, ...] = PICTURE_INPUTS
    needed: tuple[str, ...] = PICTURE_INPUTS
    max_missing: float = 0.0
    skill: float = 0.5
    coverage: float = 0.9

    def predict(self, rows: Sequence[Picture]) -> Sequence[Prediction]:
        corners = [float(row[0, 0]) / 256 for row in rows]
        self.asked.append(len(corners))
        return [said(corner, self.coordinates) for corner in corners]


def said(corner: float, coordinates: int = 2) -> Prediction:
    where = (10 * corner, 1 - corner)[:coordinates]
    return Prediction(corner, corner, corner, 0.1, 1.0, (1 - corner, corner), where)


class Models:
    """Models in force with one model."""

    def __init__(self, model: Corner, held_out: Mapping[str, Prediction] | None = None) -> None:
        self.model, self.held_out = model, held_out or {}

    def for_gates(self, gates: Sequence[str]) -> dict[str, InForce]:
        model: Any = self.model
        return {gate: InForce(model, None, "w", "1", model.digest, held_out=self.held_out) for gate in gates}


@pytest.fixture
def spine(store: Store, tmp_path: Path) -> Iterator[Spine]:
    """The small plant, its gate judging pictures by their corner."""
    made = with_pictures(tmp_path, store, CHANGES)
    use(made, Corner())
    yield made
    made.close()


def use(spine: Spine, model: Any) -> None:
    spine.used = InForce(model, None, "w", "1", model.digest)


def photos(spine: Spine, count: int, first: int = 0, corner: float = 0.0, batch_rows: int = 1000) -> datetime:
    """Parts with rough grey pictures, `corner` brighter there, pulled; when the last was known."""
    made = []
    for n in range(first, first + count):
        picture = np.random.default_rng([n, 3]).normal(120, 12, (32, 32))
        picture[0, 0] += corner
        numbers = np.random.default_rng([n, 4]).normal(10, 1, 4).tolist()
        made.append((f"S{n:04d}", "form", 1, "L", after(n), after(n), *numbers, png(picture.astype(np.uint8))))
    spine.rows("PARTS", *made)
    spine.run(spine.pull("parts", batch_rows=batch_rows), after(first + count))
    return after(first + count)


def model_of(spine: Spine) -> Corner:
    model: Any = spine.used.model
    assert isinstance(model, Corner)
    return model


def frozen(spine: Spine) -> np.ndarray[Any, Any]:
    """The newest reference of what the model says, (rows, names)."""
    row = [r for r in spine.all(t.reference) if r.detector == "prediction"][-1]
    return window_of(row.content, "form", "form").values


@pytest.mark.slow
def test_what_the_gate_said_of_pictures_is_watched_and_it_is_not_asked_again(spine: Spine) -> None:
    now = photos(spine, 200)
    model = model_of(spine)
    assert sum(model.asked) == 200
    spine.run(job(spine, Models(model)), now)  # type: ignore[arg-type]
    assert sum(model.asked) == 200
    found = board(spine)
    methods = {(key[0], key[1], key[3]) for key in found if key[3]}
    assert methods == {
        *(("image_drift", method, name) for method in ("wasserstein", "missing_rate") for name in PHOTO),
        *(("image_drift", "wasserstein", name) for name in SAID),
        *(("drift", method, name) for method in ("wasserstein", "missing_rate") for name in "abcd"),
        ("drift", "wasserstein", "prediction"),
    }
    assert {row.status for row in found.values()} == {"ok"}
    said_then = [[d.predicted, *d.coordinates] for d in spine.all(t.decision)]
    assert frozen(spine).tolist() == said_then[-120:]


@pytest.mark.slow
def test_a_change_that_the_statistics_do_not_see_is_found_in_the_coordinates(spine: Spine) -> None:
    drift = job(spine, Models(model_of(spine)))  # type: ignore[arg-type]
    spine.run(drift, photos(spine, 200))
    spine.run(drift, photos(spine, 40, first=200, corner=50.0))
    of_images = {key[3]: row.status for key, row in board(spine).items() if key[:2] == ("image_drift", "wasserstein")}
    assert of_images == dict.fromkeys(PHOTO, "ok") | dict.fromkeys(SAID, "breach")
    worst = board(spine)["image_drift", "worst_ratio", "form", ""]
    assert set(worst.causes) == set(SAID)
    assert board(spine)["drift", "wasserstein", "form", "prediction"].status == "breach"


@pytest.mark.slow
def test_what_a_gate_said_is_evidence_for_a_cause_by_its_kind(spine: Spine) -> None:
    model = model_of(spine)
    drift = job(spine, Models(model))  # type: ignore[arg-type]
    spine.run(drift, photos(spine, 200))
    now = photos(spine, 40, first=200, corner=50.0)
    spine.run(drift, now)
    version = Version("form", "w", "1", "corner", after(0), after(0), "", 100, {})
    record_version(spine.store, None, version)
    assert put_in_force(spine.store, None, "form", version, 0, after(0))
    with spine.store.read() as connection:
        found = Evidence(spine.plant).of_parts(connection, breaches(connection, ("drift", "image_drift")), now)
    measured = {one.finding.feature: one.measured for one in found}
    assert measured == dict.fromkeys(SAID, Measured.IMAGE) | {"prediction": Measured.PREDICTION}
    for one in found:
        assert np.abs(one.level[-40:]).mean() > 2 > np.abs(one.level[:-40]).mean()


@pytest.mark.slow
def test_parts_that_another_model_judged_are_neither_missing_nor_judged_again(spine: Spine) -> None:
    now, old, new = photos(spine, 200), model_of(spine), Corner("new")
    drift = job(spine, Models(old))  # type: ignore[arg-type]
    spine.run(drift, now)
    known = {f"S{n:04d}": said(0.25) for n in range(100, 150)}
    drift = job(spine, Models(new, known))  # type: ignore[arg-type]
    spine.run(drift, now)
    assert sum(new.asked) == MOST, "the newest of the reference that it was not trained on"
    reference = frozen(spine)[:, 0]
    assert np.flatnonzero(reference == 0.25).tolist() == list(range(20, 70))
    assert np.isnan(reference[:20]).all()
    assert np.isfinite(reference[70:]).all()
    assert {row.status for key, row in board(spine).items() if key[3] in SAID} == {"no_data"}
    use(spine, new)
    spine.run(drift, photos(spine, 25, first=200))
    assert sum(new.asked) == MOST + 25
    found = board(spine)
    assert {found["image_drift", "wasserstein", "form", name].status for name in SAID} == {"ok"}
    assert not [key for key, row in found.items() if row.status == "breach"]


@pytest.mark.slow
def test_a_prediction_is_by_what_the_classes_mean_now(spine: Spine) -> None:
    now, model = photos(spine, 200), model_of(spine)
    drift = job(spine, Models(model))  # type: ignore[arg-type]
    spine.run(drift, now)
    before = frozen(spine)[:, 0]
    width = spine.plant.characteristics["width"]
    turned = width.model_copy(update={"pass_fail": "continue"})
    spine.plant = spine.plant.model_copy(update={"characteristics": {"width": turned}})
    spine.run(job(spine, Models(model)), now)  # type: ignore[arg-type]
    assert frozen(spine)[:, 0].tolist() == [0.0] * 120 != before.tolist()
    assert not [key for key, row in board(spine).items() if row.status == "breach"]


@pytest.mark.slow
def test_a_model_of_before_has_predictions_alone(spine: Spine) -> None:
    use(spine, Corner(coordinates=0))
    spine.run(job(spine, Models(model_of(spine))), photos(spine, 200))  # type: ignore[arg-type]
    assert {key[3] for key in board(spine)} == {*PHOTO, *"abcd", "prediction", ""}
    assert {d.coordinates for d in spine.all(t.decision)} == {None}


@pytest.mark.parametrize("batch_rows", [7, 64])
@pytest.mark.slow
def test_how_rows_were_batched_changes_no_window(batch_rows: int, spine: Spine) -> None:
    now = photos(spine, 200)
    spine.run(job(spine, Models(model_of(spine))), now)  # type: ignore[arg-type]
    whole, before = board(spine), frozen(spine)
    with spine.store.write() as connection:
        for table in (t.part_step, t.picture, t.decision, t.outbox, t.board, t.reference, t.cursor, t.sequence):
            connection.execute(table.delete())
    spine.run(spine.pull("parts", batch_rows=batch_rows), now)
    spine.run(job(spine, Models(model_of(spine))), now)  # type: ignore[arg-type]
    assert board(spine) == whole
    assert frozen(spine).tolist() == before.tolist()
