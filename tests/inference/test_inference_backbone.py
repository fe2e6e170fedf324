"""The backbone's weights: from the package, kept in a cache that is checked, and of use without one."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.vision import weights
from inference.vision.describing import FEATURES, LEVELS, describe
from inference.vision.network import STAGES, Backbone
from monitor.errors import ModelError, ModelReason


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    weights.load_weights(tmp_path / "cache")
    return next((tmp_path / "cache").iterdir())


def test_the_cache_is_private_whole_and_taken_the_next_time(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
    assert [file.name for file in cache.parent.iterdir()] == [cache.name]
    monkeypatch.setattr(weights, "_of_package", lambda: pytest.fail("read from the package again"))
    assert weights.digest_of(weights.load_weights(cache.parent)) == weights.DIGEST


@pytest.mark.parametrize("damage", ["cut", "changed", "other"])
@pytest.mark.slow
def test_a_damaged_cache_is_made_anew(cache: Path, damage: str) -> None:
    whole = cache.read_bytes()
    changed = bytearray(whole)
    changed[-1] ^= 1
    cache.write_bytes({"cut": whole[:5000], "changed": bytes(changed), "other": b""}[damage])
    assert weights.digest_of(weights.load_weights(cache.parent)) == weights.DIGEST
    assert cache.read_bytes() == whole


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert weights.digest_of(weights.load_weights(tmp_path / "file" / "below")) == weights.DIGEST


def test_a_package_that_is_missing_or_another_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_SOURCE_SHA256", "0" * 64)
    with pytest.raises(ModelError, match="is not the file expected") as caught:
        weights.load_weights(tmp_path)
    assert caught.value.reason is ModelReason.NOT_FOUND
    monkeypatch.setattr(weights, "_PACKAGE", "no_such_package")
    with pytest.raises(ModelError, match="no_such_package is not installed; install it again"):
        weights.load_weights(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_cache_is_where_the_user_has_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert weights.cache_folder() == tmp_path / "gatewatch"
    for unfit in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", unfit)
        assert weights.cache_folder() == Path.home() / ".cache" / "gatewatch"


def test_a_user_without_a_home_does_without_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert weights.cache_folder() is None
    assert weights.digest_of(weights.load_weights(None)) == weights.DIGEST


def test_folding_leaves_the_maps_as_they_were() -> None:
    """The first block by hand, convolution and normalisation apart, against the folded weights."""
    source, network = weights._of_package(), weights.backbone()
    pixels = torch.linspace(-1, 1, 3 * 32 * 32).reshape(1, 3, 32, 32)
    padded = torch.nn.functional.pad(pixels, (0, 1, 0, 1))
    raw = torch.nn.functional.conv2d(padded, source["_conv_stem.weight"], stride=2)
    names = ("running_mean", "running_var", "weight", "bias")
    normal = torch.nn.functional.batch_norm(raw, *(source[f"_bn0.{name}"] for name in names), eps=1e-3)
    assert torch.allclose(network.stem(pixels), normal, atol=1e-4)


def test_every_stage_has_its_size_for_any_size_of_picture() -> None:
    network = Backbone().eval()
    for side in (32, 45, 64):
        with torch.inference_mode():
            maps = network(torch.zeros(1, 3, side, side), (1, 2, 3, 4, 5, 6))
        sizes = [-(-side // step) for step in (2, 4, 8, 16, 16, 32)]
        assert [tuple(m.shape[1:]) for m in maps] == [
            (stage.channels, size, size) for stage, size in zip(STAGES, sizes, strict=True)
        ]


@pytest.mark.slow
def test_a_description_is_of_the_picture_alone_to_the_last_bit() -> None:
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 256, size, dtype=np.uint8) for size in ((40, 30), (300, 200, 3), (1, 1), (224, 224))]
    together, alone = list(describe(pictures)), [next(describe([one])) for one in reversed(pictures)][::-1]
    for one, other in zip(together, alone, strict=True):
        assert one.whole.tobytes() == other.whole.tobytes()
        assert [p.tobytes() for p in one.patches] == [p.tobytes() for p in other.patches]
        assert one.whole.shape == (FEATURES,)
        assert [len(p) for p in one.patches] == [side * side for side, _ in LEVELS]


def test_grey_is_the_same_as_colour_without_colour() -> None:
    grey = np.random.default_rng(1).integers(0, 256, (60, 80), dtype=np.uint8)
    one, other = describe([grey, np.repeat(grey[:, :, None], 3, axis=2)])
    assert np.allclose(one.whole, other.whole, atol=1e-5)


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4), np.uint8), "a.png"], ids=str
)
def test_what_is_no_picture_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="expected pictures of uint8"):
        list(describe([wrong]))  # type: ignore[list-item]
