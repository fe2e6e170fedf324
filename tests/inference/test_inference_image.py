"""The kind `image`: what every kind keeps (bits, packages, folds), its classes, and what it has never seen."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from package_kit import assert_refused, forge
from PIL import Image
from safetensors.numpy import load as from_bytes

from inference import packaging
from inference.models.fitting import auroc
from inference.models.image import ImageModel
from inference.models.image_fit import class_folds
from inference.models.kind import TrainingData, TrainingMetrics, TrainingSettings
from inference.overlay import overlay_png
from inference.packaging import MANIFEST, WEIGHTS
from inference.pictures import list_by_class, read_picture
from inference.training import train
from inference.vision.embedding import COORDINATES
from monitor.errors import ModelError, ModelReason
from monitor.pictures import Picture

CLASSES = ("dent", "free", "stripe")
SETTINGS = TrainingSettings(("image",), 0, 0.9, 1, 3, classes=CLASSES, good="free")
DATA = Path(__file__).parents[2] / "../shared/data"


def surface(kind: str, seed: int, side: int = 72) -> Picture:
    """A rough grey surface with a defect, or none."""
    random = np.random.default_rng([seed, sum(kind.encode())])
    pixels = 120 + random.normal() * 4 + random.normal(size=(side, side + 8)) * 6
    x, y = random.integers(14, side - 14, 2)
    if kind == "dent":
        pixels[y - 6 : y + 6, x - 6 : x + 6] -= 70
    elif kind == "stripe":
        pixels[:, x : x + 3] += 60
    elif kind == "checks":  # never in training
        pixels[y - 12 : y + 12, x - 12 : x + 12] += 60 * (np.indices((24, 24)).sum(0) // 3 % 2 * 2 - 1)
    return pixels.clip(0, 255).astype(np.uint8)


def parts(kinds: tuple[str, ...], count: int, seed: int = 0, classes: tuple[str, ...] = CLASSES) -> TrainingData:
    """Class by class, as folders are listed."""
    named = [(kind, f"{kind}{i}") for kind in kinds for i in range(count)]
    pictures = [surface(kind, seed * 1000 + i) for kind in kinds for i in range(count)]
    return TrainingData(pictures, np.array([float(classes.index(k)) for k, _ in named]), [name for _, name in named])


LEARNT, FRESH = parts(CLASSES, 14), parts(CLASSES, 5, seed=1)


@dataclass
class Trained:
    model: ImageModel
    metrics: TrainingMetrics
    folder: Path
    digest: str


def trained_on(data: TrainingData, folder: Path, settings: TrainingSettings = SETTINGS) -> Trained:
    trained = train(data, settings, "image")
    digest = packaging.save(trained, folder)
    model = packaging.load(folder, digest)
    assert isinstance(model, ImageModel)
    return Trained(model, trained.metrics, folder, digest)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained_on(LEARNT, tmp_path_factory.mktemp("image") / "package")


@pytest.fixture(scope="module")
def only_good(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    data = parts(("free",), 14, classes=("free",))
    settings = replace(SETTINGS, classes=("free",))
    return trained_on(data, tmp_path_factory.mktemp("good") / "package", settings)


@pytest.mark.slow
def test_classes_are_told_apart_with_sound_probabilities(case: Trained) -> None:
    found = case.model.predict(FRESH.rows)
    for one, truth in zip(found, FRESH.target.astype(int), strict=True):
        assert np.argmax(one.probabilities) == truth
        assert sum(one.probabilities) == pytest.approx(1)
        assert one.value == one.lower == one.upper == pytest.approx(1 - one.probabilities[1])
        assert (one.value < 0.5) == (truth == 1)
    assert case.metrics.quality["accuracy"] > 0.95
    assert case.metrics.quality["auroc"] > 0.99
    assert case.metrics.skill == case.model.skill > 0.7
    assert case.metrics.skill == pytest.approx(1 - case.metrics.quality["log_loss"] / np.log(3))


@pytest.mark.slow
def test_training_repeats_bit_for_bit(case: Trained, tmp_path: Path) -> None:
    assert trained_on(LEARNT, tmp_path / "again").digest == case.digest


def test_any_split_and_order_gives_the_same_bits(case: Trained) -> None:
    pictures = list(FRESH.rows)
    whole = list(case.model.predict(pictures))
    assert [case.model.predict([one])[0] for one in pictures] == whole
    assert list(case.model.predict(pictures[::-1])) == whole[::-1]
    assert [*case.model.predict(pictures[:5]), *case.model.predict([]), *case.model.predict(pictures[5:])] == whole


@pytest.mark.slow
def test_a_saved_model_comes_back_to_the_last_bit(case: Trained) -> None:
    fresh = train(LEARNT, SETTINGS, "image").model()
    assert isinstance(fresh, ImageModel)
    assert list(fresh.predict(FRESH.rows)) == list(case.model.predict(FRESH.rows))  # type: ignore[arg-type]
    assert (case.model.inputs, case.model.needed, case.model.max_missing) == (("image",), ("image",), 0.0)
    assert (case.model.classes, case.model.good, case.model.digest) == (CLASSES, "free", case.digest)


@pytest.mark.slow
def test_coordinates_are_kept_with_what_was_held_out(case: Trained) -> None:
    held = packaging.held_out(case.folder, case.digest)
    assert held is not None
    found = np.array([held[serial].coordinates for serial in LEARNT.serials])
    assert found.shape == (len(LEARNT), COORDINATES + 1)
    inside = np.array([one.coordinates for one in case.model.predict(LEARNT.rows)])
    assert (found[:, -1] > inside[:, -1]).mean() > 0.9, "as if they were new"


@pytest.mark.slow
def test_a_package_of_the_version_before_has_no_coordinates_and_predicts_as_ever(case: Trained, tmp_path: Path) -> None:
    def before(manifest: dict[str, Any], tensors: dict[str, Any]) -> None:
        del manifest["coordinates"]
        for name in [name for name in tensors if name.startswith("embedding.")]:
            del tensors[name]

    shutil.copytree(case.folder, tmp_path / "before")
    forge(tmp_path / "before", before)
    model = packaging.load(tmp_path / "before")
    now = case.model.predict(FRESH.rows)
    assert list(model.predict(FRESH.rows)) == [replace(one, coordinates=()) for one in now]  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_defect_never_seen_is_far_away_and_ranks_above_good_parts(case: Trained, only_good: Trained) -> None:
    strange = [surface("checks", i) for i in range(8)]
    good = [surface("free", 5000 + i) for i in range(12)]
    for model in (case.model, only_good.model):
        found = model.predict([*strange, *good])
        assert all(one.distance > one.distance_limit for one in found[:8])
        assert np.mean([one.distance > one.distance_limit for one in found[8:]]) < 0.3
        assert auroc(model.anomaly_scores(found), np.arange(20) < 8) == 1


def test_the_map_shows_where(case: Trained) -> None:
    picture = surface("free", 77)
    picture[8:28, 40:60] = surface("checks", 1)[20:40, 20:40] // 3
    heat = case.model.anomaly_map(picture)
    assert (heat.shape, heat.dtype) == (picture.shape, np.uint8)
    y, x = np.unravel_index(heat.argmax(), heat.shape)
    assert (2 <= y <= 34, 34 <= x <= 66) == (True, True)
    assert heat.max() > 128 > np.median(heat)
    shown = Image.open(io.BytesIO(overlay_png(picture, heat)))
    assert (shown.format, shown.size) == ("PNG", picture.shape[::-1])


@pytest.mark.slow
def test_good_parts_alone_make_a_model_of_distance(only_good: Trained) -> None:
    found = only_good.model.predict([surface("free", 9000), surface("dent", 9001)])
    assert [one.probabilities for one in found] == [(1.0,), (1.0,)]
    assert [one.value for one in found] == [0.0, 0.0]
    assert found[0].distance < found[1].distance
    assert only_good.metrics.skill == 0.0
    assert set(only_good.metrics.quality) == {"beyond_limit"}


@pytest.mark.slow
def test_a_class_without_parts_has_no_probability(tmp_path: Path) -> None:
    names = (*CLASSES, "unheard")
    data = parts(CLASSES, 6, classes=names)
    model = trained_on(data, tmp_path / "p", replace(SETTINGS, classes=names)).model
    assert all(one.probabilities[3] == 0 for one in model.predict(FRESH.rows))


@pytest.mark.slow
def test_without_a_good_class_the_value_is_the_doubt(tmp_path: Path) -> None:
    trained = trained_on(parts(CLASSES, 6), tmp_path / "p", replace(SETTINGS, good=""))
    found = trained.model.predict(FRESH.rows)
    assert [one.value for one in found] == pytest.approx([1 - max(one.probabilities) for one in found])
    assert "auroc" not in trained.metrics.quality


@pytest.mark.slow
def test_a_class_of_two_parts_is_learnt(tmp_path: Path) -> None:
    data = parts(CLASSES, 8)
    keep = np.array([not name.startswith("dent") or name in ("dent3", "dent4") for name in data.serials])
    model = trained_on(data.at(keep), tmp_path / "p").model
    found = model.predict([surface("dent", 1003), surface("free", 1003)])
    assert found[0].value > found[1].value


@pytest.mark.parametrize("names", [("free",), ("dent", "free")], ids=["one class", "two classes"])
@pytest.mark.slow
def test_pictures_that_are_all_the_same_teach_nothing_and_break_nothing(names: tuple[str, ...], tmp_path: Path) -> None:
    flat = np.full((40, 50), 90, np.uint8)
    data = TrainingData([flat] * 12, np.arange(12.0) % len(names), [str(i) for i in range(12)])
    trained = trained_on(data, tmp_path / "p", replace(SETTINGS, classes=names))
    assert trained.metrics.skill < 0.01
    found = trained.model.predict([flat, surface("dent", 1)])
    assert np.isfinite(trained.model.anomaly_scores(found)).all()
    assert found[0].distance <= found[0].distance_limit < found[1].distance


@pytest.mark.parametrize(
    ("data", "settings", "said"),
    [
        (parts(CLASSES, 3), SETTINGS, "there are 9 pictures, at least 10 are needed"),
        (parts(("dent", "stripe"), 8), SETTINGS, "0 pictures of the good class 'free'"),
        (parts(CLASSES, 12).at(np.arange(36) >= 11), SETTINGS, "class 'dent' has only one picture, at least two"),
        (
            replace(parts(CLASSES, 12), groups=["g"] * 12 + [f"{i}" for i in range(24)]), SETTINGS,
            "class 'dent' has only one group",
        ),
        (parts(CLASSES, 5), replace(SETTINGS, classes=("free",), good=""), "needs the class of every picture"),
        (
            TrainingData(np.zeros((30, 1)), np.zeros(30), [str(i) for i in range(30)]), SETTINGS,
            "judges pictures, not columns",
        ),
    ],
    ids=["too few", "no good ones", "one of a class", "one group of a class", "class not named", "a table"],
)  # fmt: skip
def test_what_cannot_be_learnt_is_refused(data: TrainingData, settings: TrainingSettings, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        train(data, settings, "image")
    assert caught.value.reason in (ModelReason.TOO_FEW_ROWS, ModelReason.MISMATCH)


def test_a_good_class_that_is_not_named_is_refused() -> None:
    with pytest.raises(ModelError, match="good class 'perfect' is none of"):
        train(parts(CLASSES, 5), replace(SETTINGS, good="perfect"), "image")


def test_what_is_no_picture_is_refused(case: Trained) -> None:
    with pytest.raises(ValueError, match="expected a sequence of pictures"):
        case.model.predict(np.zeros((3, 1)))
    with pytest.raises(ValueError, match="expected pictures of uint8"):
        case.model.predict([np.zeros((4, 4))])  # type: ignore[list-item]


def test_folds_keep_groups_whole_and_every_class_in_each_training_part() -> None:
    classes = np.repeat([0, 1, 2], [40, 10, 3])
    groups = [f"g{i // 2}" for i in range(53)]
    fold = class_folds(classes, groups)
    assert all(len(set(fold[[i for i, g in enumerate(groups) if g == name]])) == 1 for name in set(groups))
    assert [len(set(fold[classes == k])) for k in range(3)] == [5, 5, 2]
    assert all((np.diff(fold[classes == k]) >= 0).all() for k in range(2)), "contiguous in each class"
    assert np.array_equal(class_folds(classes, ()), class_folds(classes, [str(i) for i in range(53)]))


@pytest.mark.slow
def test_a_package_whose_parts_do_not_fit_is_refused(case: Trained, tmp_path: Path) -> None:
    manifest = json.loads((case.folder / MANIFEST).read_bytes())
    own = packaging.Manifest.model_validate(manifest).own
    tensors = from_bytes((case.folder / WEIGHTS).read_bytes())
    changes: dict[str, Callable[[dict[str, Any], dict[str, Any]], object]] = {
        "backbone": lambda m, _: m.update(backbone="0" * 64),
        "good": lambda m, _: m.update(good="other"),
        "known": lambda m, _: m.update(known=[0, 1, 7]),
        "known twice": lambda m, _: m.update(known=[0, 1, 1]),
        "typical": lambda m, _: m.update(typical=[0.0, 1.0]),
        "inputs": lambda m, _: m.update(inputs=["image", "more"]),
        "extra": lambda m, _: m.update(hook="os.system"),
        "more tensors": lambda _, t: t.update(extra=np.zeros(3)),
        "scale": lambda _, t: t["scale"].fill(0),
        "a bank too large": lambda _, t: t.update({"bank0.patches": np.zeros((5000, 152), np.float32)}),
    }
    changes |= {f"no {key}": lambda m, _, key=key: m.pop(key) for key in own}
    changes |= {f"text {key}": lambda m, _, key=key: m.update({key: "x" if key != "good" else 3}) for key in own}
    changes |= {f"no tensor {name}": lambda _, t, name=name: t.pop(name) for name in tensors}
    changes |= {f"NaN in {name}": lambda _, t, name=name: t[name].fill(np.nan) for name in tensors}
    changes |= {f"shape of {name}": lambda _, t, name=name: t.update({name: t[name][..., :-1]}) for name in tensors}
    damages = [(name, partial(forge, change=change)) for name, change in changes.items()]
    assert_refused(case.folder, tmp_path / "damaged", damages, (ModelReason.CORRUPT, ModelReason.MISMATCH))


def test_another_digest_or_a_flipped_bit_is_refused(case: Trained, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected 000000000000"):
        packaging.load(case.folder, "0" * 64)
    shutil.copytree(case.folder, tmp_path / "p")
    content = bytearray((tmp_path / "p" / WEIGHTS).read_bytes())
    content[-9] ^= 4
    (tmp_path / "p" / WEIGHTS).write_bytes(content)
    with pytest.raises(ModelError, match="does not match the digest"):
        packaging.load(tmp_path / "p", case.digest)


@pytest.mark.skipif(not DATA.exists(), reason="needs the real pictures")
@pytest.mark.slow
def test_real_surfaces_are_told_apart() -> None:
    """A cut: 8 pictures of each of three classes to learn from, 3 others to judge."""
    files = list_by_class(DATA / "neu_det")
    names = ("crazing", "patches", "scratches")
    mine = {name: [read_picture(one.path) for one in files if one.label == name][:11] for name in names}
    learnt = [picture for name in names for picture in mine[name][:8]]
    data = TrainingData(learnt, np.repeat([0.0, 1.0, 2.0], 8), [str(i) for i in range(24)])
    model = train(data, replace(SETTINGS, classes=names, good=""), "image").model()
    assert isinstance(model, ImageModel)
    found = model.predict([picture for name in names for picture in mine[name][8:]])
    assert [int(np.argmax(one.probabilities)) for one in found] == [0] * 3 + [1] * 3 + [2] * 3
