"""The Gaussian process: closed forms against the textbook's dense formulas, bits, fresh parts, untrusted arrays."""

from __future__ import annotations

import numpy as np
import pytest

from inference.models.gaussian_process import MAX_ROWS, Fitted, GaussianProcess, fit, from_tensors
from monitor.model import Floats


def parts(count: int, seed: int, inputs: int = 6) -> tuple[Floats, Floats]:
    """Inputs of several scales and outcomes: a line, a wave, an interaction and noise of 0.3."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, inputs))
    target = rows[:, 0] + np.sin(2 * rows[:, 1]) + 0.5 * rows[:, 2] * rows[:, 3] + 0.3 * rng.normal(size=count)
    return rows * np.logspace(-2, 3, inputs) + 40, 10 * target - 7


ROWS, TARGET = parts(300, 1)
FRESH, OUTCOMES = parts(2000, 2)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(ROWS, TARGET, seed=3)


def dense(process: GaussianProcess, known: Floats, outcomes: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation by the formulas 2.25 and 2.26, all known rows kept, term by term."""

    def kernel(left: Floats, right: Floats) -> Floats:
        a, b = ((x - process.centre) / process.scale for x in (left, right))
        far = np.square((a[:, None] - b[None]) / process.length).sum(axis=2)
        return process.levels[0] * np.exp(-far / 2) + (a[:, None] * b[None] * process.slope).sum(axis=2) + 1.0

    whole = kernel(known, known) + process.levels[1] * np.eye(len(known))
    cross = kernel(rows, known)
    mean = cross @ np.linalg.solve(whole, (outcomes - process.target[0]) / process.target[1])
    variance = np.diag(kernel(rows, rows)) - (cross * np.linalg.solve(whole, cross.T).T).sum(axis=1)
    return mean * process.target[1] + process.target[0], np.sqrt(variance + process.levels[1]) * process.target[1]


def test_it_predicts_what_the_dense_formulas_say(fitted: Fitted) -> None:
    mean, deviation = fitted.process.predict(FRESH[:300])
    expected, exact = dense(fitted.process, ROWS, TARGET, FRESH[:300])
    np.testing.assert_allclose(mean, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(deviation, exact, rtol=0.02)  # some of the rows give it


def test_rows_left_out_are_predicted_as_by_a_process_without_them(fitted: Fitted) -> None:
    labels = [f"lot {i * 7 % 40}" for i in range(300)]
    mean, deviation = fitted.leave_out(labels)
    alone, spread = fitted.leave_one_out()
    for name in ("lot 0", "lot 17"):
        gone = np.array([label == name for label in labels])
        expected = dense(fitted.process, ROWS[~gone], TARGET[~gone], ROWS[gone])
        np.testing.assert_allclose((mean[gone], deviation[gone]), expected, rtol=1e-6)
    for row in (0, 123):
        gone = np.arange(300) == row
        expected = dense(fitted.process, ROWS[~gone], TARGET[~gone], ROWS[gone])
        np.testing.assert_allclose((alone[gone], spread[gone]), expected, rtol=1e-6)


def test_rows_beyond_the_limit_are_left_out_the_same_way() -> None:
    some = fit(ROWS, TARGET, seed=3, limit=120)
    labels = [i // 30 for i in range(300)]
    mean, deviation = some.leave_out(labels)
    gone = np.arange(300) // 30 == 4
    kept = some.chosen[~gone[some.chosen]]
    np.testing.assert_allclose(
        (mean[gone], deviation[gone]), dense(some.process, ROWS[kept], TARGET[kept], ROWS[gone]), rtol=1e-6
    )
    assert len(some.process.weights) == 120


def test_fresh_parts_are_predicted_to_near_their_noise(fitted: Fitted) -> None:
    mean, deviation = fitted.process.predict(FRESH)
    assert np.sqrt(np.square(OUTCOMES - mean).mean()) < 1.35 * 3
    assert 0.9 < np.std((OUTCOMES - mean) / deviation) < 1.15


@pytest.mark.slow
def test_few_parts_of_pure_noise_are_not_learnt_by_heart() -> None:
    for count in (40, 100):
        learnt = []
        for seed in range(5):
            rng = np.random.default_rng(seed)
            rows, target = rng.normal(size=(count, 15)), rng.normal(size=count)
            mean, deviation = fit(rows, target, seed=0).process.predict(rng.normal(size=(500, 15)))
            learnt.append(np.square(mean).mean())
            assert (deviation > 0.3).all()
        assert np.mean(learnt) < 0.6  # of a variance of 1


def test_no_bit_depends_on_the_other_rows_of_the_call(fitted: Fitted) -> None:
    mean, deviation = fitted.process.predict(FRESH[:500])
    order = np.random.default_rng(0).permutation(500)
    for cut in (1, 31, 33, 256):
        pairs = [fitted.process.predict(FRESH[:500][part]) for part in (slice(cut), slice(cut, None))]
        assert np.array_equal(np.concatenate([m for m, _ in pairs]), mean)
        assert np.array_equal(np.concatenate([s for _, s in pairs]), deviation)
    shuffled = fitted.process.predict(FRESH[:500][order])
    assert np.array_equal(shuffled[0], mean[order])
    assert np.array_equal(shuffled[1], deviation[order])
    alone = [fitted.process.predict(row[None]) for row in FRESH[:64]]
    assert np.array_equal(np.concatenate([m for m, _ in alone]), mean[:64])
    assert [len(found) for found in fitted.process.predict(FRESH[:0])] == [0, 0]


def test_it_repeats_and_comes_back_from_its_arrays(fitted: Fitted) -> None:
    again, back = fit(ROWS, TARGET, seed=3).process, from_tensors(fitted.process.tensors(), ROWS.shape[1])
    for process in (again, back):
        assert all(np.array_equal(process.tensors()[name], one) for name, one in fitted.process.tensors().items())


@pytest.mark.slow
def test_constant_and_repeated_columns_and_rows_do_no_harm() -> None:
    rows = np.hstack([ROWS, ROWS[:, :1], np.full((300, 1), 5.0)])
    rows[100:200] = rows[:100]
    mean, deviation = fit(rows, np.where(np.arange(300) < 299, 4.0, 4.0), seed=0).process.predict(rows)
    np.testing.assert_allclose(mean, 4.0, atol=1e-6)
    assert np.isfinite(deviation).all()
    far = np.full((2, rows.shape[1]), 1e100)
    assert np.isfinite(fit(rows, TARGET, seed=0).process.predict(far)).all()


@pytest.mark.parametrize(
    "damage",
    [
        {"weights": np.zeros(3)}, {"weights": np.zeros((3, 3))}, {"factor": np.zeros((0, 0))}, {"levels": np.zeros(2)},
        {"scale": np.full(6, -1.0)}, {"slope": np.full(6, -1.0)}, {"centre": np.zeros(6, np.float32)},
        {"points": np.zeros((6, MAX_ROWS + 1)), "weights": np.zeros(MAX_ROWS + 1)}, {"target": np.array([0.0, 0.0])},
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit_are_refused(fitted: Fitted, damage: dict[str, Floats]) -> None:
    tensors = {**fitted.process.tensors(), **{f"gp_{name}": array for name, array in damage.items()}}
    with pytest.raises(ValueError, match="has a Gaussian process"):
        from_tensors(tensors, 6)
    with pytest.raises(ValueError, match="has a Gaussian process"):
        from_tensors({name: tensor for name, tensor in tensors.items() if name != "gp_length"}, 6)
