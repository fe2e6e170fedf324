"""The camera: size, level, and what porosity and light do to the picture."""

import numpy as np
import pytest

from monitor.simulator.surface import render_images


def pictures(porosity, light, rows=300):
    taken = render_images(np.full(rows, porosity), np.full(rows, light), np.random.default_rng(1))
    return np.stack([np.frombuffer(p, np.uint8).reshape(64, 64) for p in taken]).astype(float)


def test_a_picture_is_4096_bytes():
    assert {len(p) for p in render_images(np.zeros(3), np.ones(3), np.random.default_rng(0))} == {4096}


def test_the_texture_has_the_contrast_it_was_given():
    within = np.mean([picture[20:44].std() for picture in pictures(0.0, 1.0)])
    assert within == pytest.approx(18.0, rel=0.05)  # the kernel's gain is computed, not fitted


@pytest.mark.parametrize(
    ("porosity", "light", "mean", "std"),
    [
        pytest.param(2.0, 1.0, 1.0, 1.2, id="a porous coat is coarser and as bright"),
        pytest.param(0.0, 0.6, 0.6, 0.6, id="less light makes the picture darker and flatter"),
    ],
)
def test_what_changes_the_picture(porosity, light, mean, std):
    usual, changed = pictures(0.0, 1.0), pictures(porosity, light)
    assert changed.mean() / usual.mean() == pytest.approx(mean, abs=0.02)
    assert changed.std((1, 2)).mean() / usual.std((1, 2)).mean() == pytest.approx(std, abs=0.06)


def test_no_rows_no_pictures():
    assert render_images(np.empty(0), np.empty(0), np.random.default_rng(0)) == []
