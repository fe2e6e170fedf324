"""The camera: size, level, and what porosity and light do to the picture."""

import numpy as np
import pytest

from monitor.simulator.surface import FINISHES, draw_finishes, mark_defect, render_images


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


def marked(finish, light=1.0, rows=100):
    """Of pictures with and without the defect, as numbers."""
    taken = render_images(np.zeros(rows), np.full(rows, light), np.random.default_rng(1))
    drawn = [mark_defect(picture, finish, np.random.default_rng(i)) for i, picture in enumerate(taken)]
    return tuple(np.stack([np.frombuffer(p, np.uint8).reshape(64, 64) for p in some]).astype(float)
                 for some in (taken, drawn))  # fmt: skip


@pytest.mark.parametrize(("finish", "sign"), [("runs", 1), ("pinholes", -1)])
@pytest.mark.parametrize("light", [1.0, 0.6])
@pytest.mark.slow
def test_runs_are_bright_and_pinholes_dark_and_both_small(finish, sign, light):
    before, after = marked(finish, light)
    change = sign * (after - before)
    assert change.min() >= 0
    assert (change.max((1, 2)) > 30 * light).all()
    assert ((change > 10 * light).mean((1, 2)) < 0.2).all()


def test_a_clean_picture_stays_as_it_is():
    before, after = marked("clean")
    assert (before == after).all()


def test_finishes_are_drawn_at_their_rates():
    drawn = draw_finishes(20_000, np.random.default_rng(2))
    shares = [drawn.count(finish) / len(drawn) for finish in FINISHES]
    assert shares == pytest.approx([0.91, 0.05, 0.04], abs=0.006)
