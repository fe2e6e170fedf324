"""The suite of kinds of gate model that judge rows of a table and predict a class; `CHECKS` are run on each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from package_kit import Packaged, assert_refused, flip_byte, forge

from inference import packaging
from inference.models.kind import TrainingData, TrainingSettings
from inference.packaging import WEIGHTS
from inference.training import TrainedModel, train
from monitor.errors import ModelError, ModelReason
from monitor.model import Floats, Prediction
from monitor.ports import GateModel

KINDS = ("classifier",)
"""The kinds of the roster that this suite is for."""
INPUTS = ("force", "heat", "wear", "speed", "tool", "idle")
LEVELS = ("a", "b", "c", "d")
PASS_FAIL = TrainingSettings(INPUTS, 0, 0.9, 0, 1, categories={"tool": LEVELS}, classes=("good", "bad"), good="good")
THREE = replace(PASS_FAIL, classes=("crack", "none", "void"), good="none")
UNNAMED = replace(THREE, good="")
GAPPY = replace(PASS_FAIL, max_missing=0.4)


def chances(rows: Floats) -> Floats:
    """True probabilities of crack, none and void; 'bad' is crack or void."""
    crack = np.exp(2.0 * rows[:, 0] * rows[:, 1] + rows[:, 2] - 3.5)
    void = np.exp(1.5 * (rows[:, 4] == 2) + rows[:, 3] - 3.0)
    return np.stack([crack, np.ones(len(rows)), void], axis=1) / (1 + crack + void)[:, None]


def parts(count: int, seed: int, classes: int = 2, missing: float = 0.0) -> tuple[TrainingData, Floats]:
    """Parts whose class is drawn with known probabilities, and these (parts, classes)."""
    rng = np.random.default_rng(seed)
    rows = np.column_stack([rng.normal(size=(count, 4)), rng.integers(0, 4, count), np.full(count, 7.0)])
    share = chances(rows)
    drawn = (rng.random(count)[:, None] > np.cumsum(share, axis=1)).sum(axis=1)
    if classes == 2:
        share, drawn = np.stack([share[:, 1], 1 - share[:, 1]], axis=1), (drawn != 1).astype(np.intp)
    rows[rng.random(rows.shape) < missing] = np.nan
    groups = [f"L{i // 10}" for i in range(count)]
    return TrainingData(rows, drawn.astype(np.float64), [f"S{seed}-{i}" for i in range(count)], groups), share


LEARNT, _ = parts(900, 1)
FRESH, CHANCES = parts(4000, 2)


@dataclass
class Case(Packaged):
    @cached_property
    def trained(self) -> TrainedModel:
        return train(LEARNT, PASS_FAIL, self.kind)

    @cached_property
    def three(self) -> GateModel:
        return train(parts(900, 3, classes=3)[0], THREE, self.kind).model()

    @cached_property
    def gappy(self) -> GateModel:
        return train(parts(900, 4, missing=0.1)[0], GAPPY, self.kind).model()


def shares(answers: Any) -> Floats:
    return np.array([one.probabilities for one in answers])


def check_training_repeats_bit_for_bit(case: Case) -> None:
    assert packaging.save(train(LEARNT, PASS_FAIL, case.kind), case.folder / "again") == case.package[1]


def check_a_saved_model_comes_back_to_the_last_bit(case: Case) -> None:
    fresh = case.trained.model()
    assert list(case.model.predict(FRESH.table[:100])) == list(fresh.predict(FRESH.table[:100]))
    assert (case.model.inputs, case.model.digest, case.model.skill) == (INPUTS, case.package[1], fresh.skill)


def check_any_split_and_order_gives_the_same_bits(case: Case) -> None:
    for model in (case.model, case.three, case.gappy):
        rows = FRESH.table[:600]
        whole = list(model.predict(rows))
        for cuts in ([1], [255, 256, 257], list(range(0, 600, 7)), [0, 0, 599]):
            pieces = [model.predict(rows[a:b]) for a, b in pairwise([0, *cuts, 600])]
            assert [one for piece in pieces for one in piece] == whole
        order = np.random.default_rng(0).permutation(600)
        assert list(model.predict(rows[order])) == [whole[i] for i in order]
        assert [model.predict(row[None])[0] for row in rows[:40]] == whole[:40]


def check_value_and_probabilities_say_the_same(case: Case) -> None:
    unnamed = train(parts(900, 3, classes=3)[0], UNNAMED, case.kind).model()
    rows = FRESH.table[:300].copy()
    rows.setflags(write=False)
    for model, good in ((case.model, 0), (case.three, 1), (unnamed, None)):
        for one in model.predict(rows):
            assert sum(one.probabilities) == pytest.approx(1)
            assert min(one.probabilities) > 0
            kept = max(one.probabilities) if good is None else one.probabilities[good]
            assert one.value == one.lower == one.upper == pytest.approx(1 - kept)
            assert 0 <= one.value <= 1
            assert np.isfinite(one.distance)
            assert one.distance_limit > 0
        assert list(model.predict(rows[:0])) == []
    for shape in ((3, len(INPUTS) - 1), (3, len(INPUTS) + 1), (len(INPUTS),)):
        with pytest.raises(ValueError, match="expected rows of"):
            case.model.predict(np.zeros(shape))


def check_it_is_calibrated_on_fresh_parts(case: Case) -> None:
    """Predicted and true probabilities agree on average in every range of what is predicted."""
    fresh, true = parts(4000, 5, classes=3)
    for model, rows, truth in ((case.model, FRESH.table, CHANCES), (case.three, fresh.table, true)):
        found = shares(model.predict(rows))
        for column in range(found.shape[1]):
            bins = np.searchsorted((0.05, 0.15, 0.4, 0.7), found[:, column])
            gaps = np.bincount(bins, found[:, column] - truth[:, column]) / len(rows)
            assert np.abs(gaps).sum() < 0.03  # the expected calibration error
        best, guess = (-(truth * np.log(p)).sum(axis=1).mean() for p in (truth, found))
        rate = -(truth * np.log(truth.mean(axis=0))).sum(axis=1).mean()
        assert (rate - guess) / (rate - best) > 0.6  # of what can be known


def check_the_skill_is_that_on_fresh_parts(case: Case) -> None:
    found = shares(case.model.predict(FRESH.table))
    loss = -np.log(found[np.arange(len(FRESH)), FRESH.target.astype(int)]).mean()
    rate = np.bincount(LEARNT.target.astype(int)) / len(LEARNT)
    naive = -np.log(rate[FRESH.target.astype(int)]).mean()
    assert case.model.skill == case.trained.metrics.skill
    assert case.model.skill == pytest.approx(1 - loss / naive, abs=0.08)
    assert case.trained.metrics.quality["skill_low"] < case.model.skill


def check_shuffled_outcomes_give_no_skill_and_the_rates(case: Case) -> None:
    for seed in range(3):
        target = np.random.default_rng(seed).permutation(LEARNT.target)
        trained = train(replace(LEARNT, target=target), PASS_FAIL, case.kind)
        assert trained.metrics.skill <= 0
        guess = shares(trained.model().predict(FRESH.table))[:, 1]
        assert abs(guess.mean() - target.mean()) < 0.03
        assert guess.std() < 0.08


def check_a_rate_that_drifts_gives_no_skill(case: Case) -> None:
    """An input that only counts the parts knows the time, and the rate by it; of a part it knows nothing."""
    rng = np.random.default_rng(8)
    rows = rng.normal(size=(1000, len(INPUTS)))
    rows[:, 0], rows[:, 4] = np.arange(1000), 0
    target = (rng.random(1000) < np.linspace(0.3, 0.02, 1000)).astype(np.float64)
    data = TrainingData(rows, target, [str(i) for i in range(1000)])
    assert train(data, PASS_FAIL, case.kind).metrics.skill <= 0


def check_rare_failures_keep_their_rate(case: Case) -> None:
    rng = np.random.default_rng(6)
    rows = rng.normal(size=(3000, len(INPUTS)))
    rows[:, 4] = 0
    chance = 1 / (1 + np.exp(4.5 - 1.5 * rows[:, 0]))
    target = (rng.random(3000) < chance).astype(np.float64)
    model = train(TrainingData(rows[:2000], target[:2000], [*map(str, range(2000))]), PASS_FAIL, case.kind).model()
    guess = shares(model.predict(rows[2000:]))[:, 1]
    assert abs(guess.mean() - chance[2000:].mean()) < 0.012
    assert np.corrcoef(guess, chance[2000:])[0, 1] > 0.8


def check_few_parts_give_something_sensible(case: Case) -> None:
    for count in (40, 100):
        trained = train(replace(parts(count, 7)[0], groups=()), PASS_FAIL, case.kind)
        guess = shares(trained.model().predict(FRESH.table))
        loss, naive = (-np.log(p[np.arange(len(FRESH)), FRESH.target.astype(int)]).mean()
                       for p in (guess, np.tile(CHANCES.mean(axis=0), (len(FRESH), 1))))  # fmt: skip
        assert loss < 1.1 * naive
        assert trained.metrics.skill < 0.6


def check_missing_inputs_are_as_declared(case: Case) -> None:
    gaps, _ = parts(900, 4, missing=0.1)
    with pytest.raises(ModelError, match="missing or infinite"):
        train(gaps, PASS_FAIL, case.kind)
    assert (case.model.max_missing, case.gappy.max_missing) == (0.0, 0.4)
    rows = parts(300, 5, missing=0.3)[0].table
    answers = case.gappy.predict(rows)
    assert np.isfinite([(one.value, one.distance) for one in answers]).all()
    assert case.gappy.skill > 0


def check_what_is_not_needed_changes_nothing(case: Case) -> None:
    for model in (case.model, case.gappy):
        ignored = [INPUTS.index(name) for name in INPUTS if name not in model.needed]
        assert INPUTS.index("idle") in ignored
        other = FRESH.table[:50].copy()
        other[:, ignored] = 1e6
        assert list(model.predict(other)) == list(model.predict(FRESH.table[:50]))
        other[:, ignored] = np.nan
        assert list(model.predict(other)) == list(model.predict(FRESH.table[:50]))


def check_what_is_unlike_the_training_parts_is_out_of_distribution(case: Case) -> None:
    for model in (case.model, case.three):
        assert np.mean([far(one) for one in model.predict(FRESH.table)]) < 0.02
        for column, value in ((0, 50.0), (3, -1e100), (4, 4.0), (4, -1.0), (4, 1.5), (4, 1e100)):
            strange = FRESH.table[:20].copy()
            strange[:, column] = value
            answers = model.predict(strange)
            assert all(far(one) for one in answers), (column, value)
            assert np.isfinite([one.probabilities for one in answers]).all()


def far(one: Prediction) -> bool:
    return one.distance > one.distance_limit


def check_a_level_that_no_part_had_is_out_of_distribution(case: Case) -> None:
    settings = replace(PASS_FAIL, categories={"tool": (*LEVELS, "new")})
    model = train(LEARNT, settings, case.kind).model()
    rows = FRESH.table[:20].copy()
    rows[:, 4] = 4
    assert all(far(one) for one in model.predict(rows))


def check_new_lots_are_ordinary(case: Case) -> None:
    """A category whose levels come and go, as lots do: a new one says nothing against a part."""
    rows = LEARNT.table.copy()
    rows[:, 4] = np.arange(len(rows)) // 30
    settings = replace(PASS_FAIL, categories={"tool": tuple(f"L{i}" for i in range(30))})
    model = train(replace(LEARNT, rows=rows), settings, case.kind).model()
    fresh = FRESH.table.copy()
    fresh[:, 4] = -1
    answers = model.predict(fresh)
    assert np.mean([far(one) for one in answers]) < 0.02
    assert np.isfinite(shares(answers)).all()


def check_one_class_or_too_few_parts_are_refused(case: Case) -> None:
    one = replace(LEARNT, target=np.zeros(len(LEARNT)))
    rare = replace(LEARNT, target=(np.arange(len(LEARNT)) < 4).astype(np.float64))
    first = np.arange(len(LEARNT)) < 30
    for data in (one, rare, LEARNT.at(first), LEARNT.at(first & ~first)):
        with pytest.raises(ModelError, match="too few rows to train") as caught:
            train(data, PASS_FAIL, case.kind)
        assert caught.value.reason is ModelReason.TOO_FEW_ROWS
    for target in (LEARNT.target + 1, LEARNT.target + 0.5, LEARNT.target - 1):
        with pytest.raises(ModelError, match="classes") as caught:
            train(replace(LEARNT, target=target), PASS_FAIL, case.kind)
        assert caught.value.reason is ModelReason.MISMATCH


def check_another_digest_is_refused(case: Case) -> None:
    folder, digest = case.package
    with pytest.raises(ModelError) as caught:
        packaging.load(folder, hashlib.sha256(digest.encode()).hexdigest())
    assert caught.value.reason is ModelReason.MISMATCH


def check_a_damaged_package_is_refused(case: Case) -> None:
    reasons = (ModelReason.CORRUPT, ModelReason.MISMATCH)
    assert_refused(case.package[0], case.folder / "damaged", _damages(case), reasons)


def _damages(case: Case) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Files cut or changed, and packages whose digests are right and whose contents are not."""
    for place in range(0, (case.package[0] / WEIGHTS).stat().st_size, 2999):
        yield f"a bit of byte {place} flipped", lambda folder, place=place: flip_byte(folder / WEIGHTS, place)
    for key in case.trained.contents.entries:
        yield f"entry {key} is missing", lambda folder, key=key: forge(folder, lambda m, _: m.pop(key))
        yield f"entry {key} is odd", lambda folder, key=key: forge(folder, lambda m, _: m.update({key: ["x", -1]}))
    yield "an entry too many", lambda folder: forge(folder, lambda m, _: m.update(hook="os.system"))
    yield "an input too few", lambda folder: forge(folder, lambda m, _: m["inputs"].pop())
    yield "a class too many", lambda folder: forge(folder, lambda m, _: m["classes"].append("more"))
    for name in case.trained.contents.tensors:
        yield f"tensor {name} is missing", lambda folder, name=name: forge(folder, lambda _, t: t.pop(name))
        yield (
            f"tensor {name} is short",
            lambda folder, name=name: forge(folder, lambda _, t: t.update({name: t[name][:-1]})),
        )
        yield (
            f"tensor {name} is of single precision",
            lambda folder, name=name: forge(folder, lambda _, t: t.update({name: t[name].astype(np.float32)})),
        )
    yield "a tensor too many", lambda folder: forge(folder, lambda _, t: t.update(extra=np.zeros(3)))


CHECKS = tuple(check for name, check in sorted(globals().items()) if name.startswith("check_"))
