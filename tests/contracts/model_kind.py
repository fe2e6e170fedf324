"""The suite that every kind of gate model of a number passes; a test module runs `checks_of` each on its case."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from package_kit import Packaged, assert_refused, cut, flip_byte, forge

from inference import packaging
from inference.models.fitting import held_out, naive_forecast, split
from inference.models.kind import TrainingData, TrainingSettings
from inference.packaging import MANIFEST, WEIGHTS
from inference.predicting import enough_inputs
from inference.training import TrainedModel, train
from monitor.errors import ModelError, ModelReason
from monitor.model import Floats, Prediction
from monitor.ports import GateModel

POINTS, COVARIATES = 12, 4
INPUTS = tuple(f"p{i:02d}" for i in range(POINTS)) + tuple(f"c{i}" for i in range(COVARIATES))
OUT_OF_FOLD = ("ensemble",)
"""Kinds that calibrate and validate out of fold and are then fitted to all parts."""
PLAIN = TrainingSettings(INPUTS, POINTS, 0.9, 40, 1)
GAPPY = replace(PLAIN, max_missing=0.25)


def parts(count: int, seed: int, missing: float = 0.0) -> TrainingData:
    """Profiles of two modes and covariates; the outcome is linear in them but for noise."""
    rng = np.random.default_rng(seed)
    x = np.linspace(-1, 1, POINTS)
    amount = rng.normal(size=(count, 2))
    profile = 2 + 0.2 * amount @ np.stack([1 - x**2, np.sin(np.pi * x)]) + 0.02 * rng.normal(size=(count, POINTS))
    covariates = 50 + 3 * rng.normal(size=(count, COVARIATES))
    target = 12 + 0.1 * amount[:, 0] + 0.06 * (covariates[:, 0] - 50) / 3 + 0.03 * rng.normal(size=count)
    rows = np.hstack([profile, covariates])
    rows[rng.random(rows.shape) < missing] = np.nan
    return TrainingData(rows, target, [f"B{seed}-{i:05d}" for i in range(count)])


LEARNT, GAPS, FRESH = parts(600, 1), parts(600, 2, missing=0.05), parts(1500, 9)


@dataclass
class Case(Packaged):
    @cached_property
    def trained(self) -> TrainedModel:
        return train(LEARNT, PLAIN, self.kind)

    @cached_property
    def with_gaps(self) -> GateModel:
        trained = train(GAPS, GAPPY, self.kind)
        return packaging.load(self.folder / "gappy", packaging.save(trained, self.folder / "gappy"))


def check_training_repeats_bit_for_bit(case: Case) -> None:
    assert packaging.save(train(LEARNT, PLAIN, case.kind), case.folder / "again") == case.package[1]


def check_any_split_and_order_gives_the_same_bits(case: Case) -> None:
    rows = FRESH.rows[:600]
    whole = list(case.model.predict(rows))
    for cuts in ([1], [255, 256, 257], list(range(0, 600, 7)), [0, 0, 599]):
        pieces = [case.model.predict(rows[a:b]) for a, b in pairwise([0, *cuts, 600])]
        assert [one for piece in pieces for one in piece] == whole
    order = np.random.default_rng(0).permutation(600)
    assert list(case.model.predict(rows[order])) == [whole[i] for i in order]
    assert [case.model.predict(row[None])[0] for row in rows[:40]] == whole[:40]


def check_a_saved_model_comes_back_to_the_last_bit(case: Case) -> None:
    fresh = case.trained.model()
    assert list(case.model.predict(FRESH.rows[:100])) == list(fresh.predict(FRESH.rows[:100]))
    assert (case.model.inputs, case.model.digest, case.model.skill) == (INPUTS, case.package[1], fresh.skill)
    assert packaging.verify(*case.package).architecture == case.kind


def check_predictions_are_sound_and_the_rows_are_left_alone(case: Case) -> None:
    rows = FRESH.rows[:200].copy()
    rows.setflags(write=False)
    for one in case.model.predict(rows):
        assert np.isfinite(asdict_of(one)).all()
        assert one.lower <= one.value <= one.upper
        assert one.distance_limit > 0
    assert list(case.model.predict(rows[:0])) == []
    for shape in ((3, len(INPUTS) - 1), (3, len(INPUTS) + 1), (len(INPUTS),)):
        with pytest.raises(ValueError, match="expected rows of"):
            case.model.predict(np.zeros(shape))


def asdict_of(prediction: Prediction) -> list[float]:
    return [value for value in asdict(prediction).values() if not isinstance(value, tuple)]


def check_another_digest_is_refused(case: Case) -> None:
    folder, digest = case.package
    for look in (packaging.load, packaging.verify):
        with pytest.raises(ModelError) as caught:
            look(folder, hashlib.sha256(digest.encode()).hexdigest())
        assert caught.value.reason is ModelReason.MISMATCH


def check_a_damaged_package_is_refused(case: Case) -> None:
    reasons = (ModelReason.CORRUPT, ModelReason.MISMATCH, ModelReason.NOT_FOUND)
    assert_refused(case.package[0], case.folder / "damaged", _damages(case), reasons)


def _damages(case: Case) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Files cut or changed, and packages whose digests are right and whose contents are not."""
    for name in (MANIFEST, WEIGHTS):
        yield f"{name} is gone", lambda folder, name=name: (folder / name).unlink()
        for keep in (0.0, 0.5, 0.99):
            yield f"{name} is cut to {keep}", lambda folder, name=name, keep=keep: cut(folder / name, keep)
    for place in range(0, (case.package[0] / WEIGHTS).stat().st_size, 2999):
        yield f"a bit of byte {place} flipped", lambda folder, place=place: flip_byte(folder / WEIGHTS, place)
    for key in case.trained.contents.entries:
        if key != "gaps":  # packages of before may lack it
            yield f"entry {key} is missing", lambda folder, key=key: forge(folder, lambda m, _: m.pop(key))
        yield f"entry {key} is text", lambda folder, key=key: forge(folder, lambda m, _: m.update({key: "x"}))
    yield "an entry too many", lambda folder: forge(folder, lambda m, _: m.update(hook="os.system"))
    yield "an input too few", lambda folder: forge(folder, lambda m, _: m["inputs"].pop())
    for name in case.trained.contents.tensors:
        yield f"tensor {name} is missing", lambda folder, name=name: forge(folder, lambda _, t: t.pop(name))
        yield f"tensor {name} is NaN", lambda folder, name=name: forge(folder, lambda _, t: t[name].fill(np.nan))
        yield (
            f"tensor {name} is of single precision",
            lambda folder, name=name: forge(folder, lambda _, t: t.update({name: t[name].astype(np.float32)})),
        )
    yield "a tensor too many", lambda folder: forge(folder, lambda _, t: t.update(extra=np.zeros(3)))


def check_missing_inputs_are_refused_unless_the_settings_allow_them(case: Case) -> None:
    with pytest.raises(ModelError, match="missing or infinite"):
        train(GAPS, PLAIN, case.kind)
    assert (case.model.max_missing, set(case.model.needed)) == (0.0, set(INPUTS))


def check_a_part_may_lack_what_the_model_says_it_may(case: Case) -> None:
    model = case.with_gaps
    assert model.max_missing == GAPPY.max_missing
    assert set(model.needed) <= set(INPUTS)
    rows = parts(300, 5, missing=0.15).rows
    rows = rows[enough_inputs(model, rows)]
    assert np.isnan(rows).any(axis=1).sum() > 100
    answers = list(model.predict(rows))
    assert all(np.isfinite(asdict_of(one)).all() for one in answers)
    assert [model.predict(row[None])[0] for row in rows[:40]] == answers[:40]


def check_what_is_not_needed_changes_nothing(case: Case) -> None:
    fixed = GAPS.rows.copy()
    fixed[:, -1], fixed[::3, -2], fixed[1::3, -2] = 7.0, np.nan, np.nan
    model = train(TrainingData(fixed, GAPS.target, GAPS.serials), GAPPY, case.kind).model()
    ignored = [INPUTS.index(name) for name in INPUTS if name not in model.needed]
    other = FRESH.rows[:50].copy()
    other[:, ignored] = 1e6
    assert list(model.predict(other)) == list(model.predict(FRESH.rows[:50]))


def check_intervals_hold_on_fresh_parts(case: Case) -> None:
    # about 120 parts calibrate it: the coverage itself has a standard deviation of 0.027
    assert abs(_inside(FRESH.target, case.model.predict(FRESH.rows)) - PLAIN.coverage) < 0.08


def _inside(target: Floats, answers: Sequence[Prediction]) -> float:
    return float(np.mean([one.lower <= at <= one.upper for at, one in zip(target.tolist(), answers, strict=True)]))


def check_what_is_unlike_the_training_parts_is_out_of_distribution(case: Case) -> None:
    healthy = case.model.predict(FRESH.rows)
    assert np.mean([one.distance > one.distance_limit for one in healthy]) < 0.06
    for column in (0, POINTS):
        far = FRESH.rows[:20].copy()
        far[:, column] *= 50
        assert all(one.distance > one.distance_limit for one in case.model.predict(far))


def check_too_few_parts_are_refused(case: Case) -> None:
    for count in (0, 30):
        few = TrainingData(LEARNT.rows[:count], LEARNT.target[:count], LEARNT.serials[:count])
        with pytest.raises(ModelError, match="too few rows to train") as caught:
            train(few, PLAIN, case.kind)
        assert caught.value.reason is ModelReason.TOO_FEW_ROWS


def held_out_skill_and_coverage_are_those_of_the_parts_it_has_not_seen(case: Case) -> None:
    """Recomputed here from its predictions alone, so that no kind can flatter itself."""
    held = split(LEARNT.serials)["validation"]
    held = held[held > 0]
    answers = case.model.predict(LEARNT.rows[held])
    errors = np.abs(LEARNT.target[held] - [one.value for one in answers])
    naive = np.abs(LEARNT.target - naive_forecast(LEARNT.target))[held]
    assert case.model.skill == pytest.approx(1 - errors.mean() / naive.mean(), abs=1e-9)
    assert case.model.skill == case.trained.metrics.skill > 0.3
    assert case.model.coverage == PLAIN.coverage
    assert case.trained.metrics.quality["mae"] == pytest.approx(errors.mean(), abs=1e-9)
    assert case.trained.metrics.coverage == pytest.approx(_inside(LEARNT.target[held], answers), abs=1e-9)


def held_out_nothing_is_fitted_to_the_parts_held_out(case: Case) -> None:
    """Other outcomes of those parts change the width of the intervals and no predicted value."""
    target = LEARNT.target.copy()
    target[held_out(LEARNT.serials)] += np.random.default_rng(3).normal(size=len(held_out(LEARNT.serials)))
    other = train(TrainingData(LEARNT.rows, target, LEARNT.serials), PLAIN, case.kind).model()
    before, after = case.model.predict(FRESH.rows[:50]), other.predict(FRESH.rows[:50])
    assert [one.value for one in after] == [one.value for one in before]
    assert all(b.upper - b.lower < a.upper - a.lower for b, a in zip(before, after, strict=True))


def out_of_fold_skill_and_coverage_are_those_on_fresh_parts(case: Case) -> None:
    answers = case.model.predict(FRESH.rows)
    error = np.abs(FRESH.target - [one.value for one in answers]).mean()
    naive = np.nanmean(np.abs(FRESH.target - naive_forecast(FRESH.target)))
    assert case.model.skill == case.trained.metrics.skill > 0.3
    assert case.model.skill == pytest.approx(1 - error / naive, abs=0.05)
    assert case.trained.metrics.quality["mae"] == pytest.approx(error, rel=0.08)
    assert case.trained.metrics.quality["skill_low"] < case.model.skill
    assert case.model.coverage == PLAIN.coverage
    assert abs(case.trained.metrics.coverage - PLAIN.coverage) < 0.03


def out_of_fold_what_a_group_shares_is_no_skill(case: Case) -> None:
    """Lots of ten equal parts, mixed in time, whose outcome only the lot decides: another lot tells nothing of it."""
    rng = np.random.default_rng(4)
    lot = rng.permutation(np.repeat(np.arange(40), 10))
    rows, target = rng.normal(size=(40, len(INPUTS)))[lot], rng.normal(size=40)[lot]
    data = TrainingData(rows, target, [str(i) for i in range(400)], [f"L{i}" for i in lot])
    trained = train(data, PLAIN, case.kind)
    assert trained.metrics.skill < 0.1
    assert abs(trained.metrics.coverage - PLAIN.coverage) < 0.15


def out_of_fold_shuffled_outcomes_give_no_skill(case: Case) -> None:
    target = np.random.default_rng(0).permutation(LEARNT.target)
    trained = train(TrainingData(LEARNT.rows, target, LEARNT.serials), PLAIN, case.kind)
    assert trained.metrics.quality["skill_low"] < 0.03
    assert trained.metrics.quality["r2"] < 0.02


def checks_of(kind: str) -> tuple[Callable[[Case], None], ...]:
    """The checks that a kind is to pass: how it is honest depends on how it splits."""
    honest = "out_of_fold_" if kind in OUT_OF_FOLD else "held_out_"
    return tuple(check for name, check in sorted(globals().items()) if name.startswith(("check_", honest)))
