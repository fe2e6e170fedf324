"""Error and coverage before outcomes: what is estimated, and when the light says not to believe it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from estimate_windows import INPUTS, parts, window
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.window.before_outcomes import COLUMNS, BeforeOutcomes, Light
from detectors.window.direct_loss import fit, scales_of
from monitor.model import Finding, Floats, Status, Window

KNOWN = parts(1000, 1)
GREEN, AMBER, RED = (float(light) for light in Light)


def judged(new: Window, known: Window = KNOWN, detector: BeforeOutcomes | None = None) -> dict[str, Finding]:
    """The findings by method."""
    return {f.method: f for f in (detector or BeforeOutcomes()).judge(known, new)}


def spoiled(change: Callable[[Floats], None], rows: int = 240) -> Window:
    """Healthy waiting parts with a change."""
    values = parts(rows, 2, known=False).values.copy()
    change(values)
    return window(values)


def _far(values: Floats) -> None:
    values[-60:, COLUMNS.index("distance")] = 1.5


def _unsaid(values: Floats) -> None:
    values[-60:, :3] = np.nan


def _missing(values: Floats) -> None:
    values[-60:, len(COLUMNS)] = np.nan


def _jump(values: Floats) -> None:
    values[-60:, len(COLUMNS) + 1] += 4.0


def _constant(values: Floats) -> None:
    values[:, len(COLUMNS) + 1] += 0.2


CASES = {
    "nothing changed": (spoiled(lambda v: None), GREEN, ()),
    "a small shift is within what is known": (spoiled(_constant), GREEN, ()),
    "an input jumped out of what is known": (spoiled(_jump), RED, ("covariate_shift", "form.other")),
    "an input is missing": (spoiled(_missing), RED, ("missing_input", "form.noise")),
    "a block is out of distribution": (spoiled(_far), RED, ("unpredicted",)),
    "a block has no prediction": (spoiled(_unsaid), RED, ("unpredicted",)),
    "too few wait": (parts(40, 3, known=False), AMBER, ()),
    "hardly any waits": (parts(5, 3, known=False), AMBER, ()),
}


@pytest.mark.parametrize(("new", "light", "causes"), CASES.values(), ids=CASES)
def test_the_light_is_that_of_what_broke(new: Window, light: float, causes: tuple[str, ...]) -> None:
    found = judged(new)
    said = found["estimate_light"]
    assert said.value == light
    assert set(causes) <= set(said.causes)
    assert bool(said.causes) == (light == RED)
    assert said.status is {GREEN: Status.OK, AMBER: Status.CANNOT_JUDGE, RED: Status.BREACH}[light]
    for method in ("estimated_error", "estimated_coverage"):
        assert (found[method].status is Status.OK) is (light == GREEN)


def test_overdue_outcomes_and_a_contradiction_of_the_newest_known_parts_turn_it_red() -> None:
    new = parts(240, 2, known=False)
    assert judged(new, detector=BeforeOutcomes(overdue=True))["estimate_light"].causes == ("outcomes_overdue",)
    worse = parts(60, 4, scale=2.5)
    known = window(np.concatenate([KNOWN.values[60:], worse.values]))
    assert judged(new, known)["estimate_light"].causes == ("not_calibrated",)


def test_a_changed_concept_with_unchanged_inputs_is_not_seen_before_outcomes() -> None:
    truth = parts(240, 5, scale=3.0)
    found = judged(parts(240, 5, known=False))
    assert found["estimate_light"].value == GREEN
    assert found["estimated_error"].value < 0.5 * truth.values[:, COLUMNS.index("loss")].mean()


@pytest.mark.parametrize("claims", [True, False], ids=["it is claimed", "only the input tells"])
def test_more_noise_within_what_is_known_is_foretold(claims: bool) -> None:
    known = parts(1000, 6, claims=claims)
    calm, noisy = (
        float(np.mean([judged(parts(400, 10 + i, shift, claims=claims, known=False), known)["estimated_error"].value
                       for i in range(4)]))
        for shift in (-0.7, 0.7)
    )  # fmt: skip
    assert noisy / calm == pytest.approx(np.exp(0.3 * 1.4), rel=0.12)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), shift=st.floats(-0.7, 0.7))
def test_of_a_calibrated_forecast_the_estimate_is_the_realised_mean_in_expectation(seed: int, shift: float) -> None:
    new = parts(4000, seed, shift)
    loss, missed = fit(np.delete(KNOWN.values, (3, 4), axis=1), KNOWN.values[:, 3:5])
    columns = np.delete(new.values, (3, 4), axis=1)
    assert loss.expected(columns).mean() == pytest.approx(new.values[:, 3].mean(), rel=0.1)
    assert missed.expected(columns).mean() == pytest.approx(new.values[:, 4].mean(), abs=0.035)


@pytest.mark.slow
def test_a_green_light_keeps_its_promise_and_healthy_parts_are_seldom_red() -> None:
    lights, right = [], []
    for i in range(60):
        new, known = parts(240, 5000 + i), parts(1000, 7000 + i)
        found = judged(new, known)
        lights.append(found["estimate_light"].value)
        if lights[-1] == GREEN:
            ratio = (found["estimated_error"].value or 0) / new.values[:, COLUMNS.index("loss")].mean()
            right.append(abs(ratio - 1) <= 0.15)
    assert lights.count(RED) <= 1
    assert lights.count(GREEN) > 45
    assert np.mean(right) >= 0.9


def test_above_the_limit_of_the_realised_error_the_estimate_is_in_breach_only_under_a_green_light() -> None:
    new = parts(240, 2, known=False)
    over = judged(new, detector=BeforeOutcomes(limit=0.5))["estimated_error"]
    assert (over.status, over.limit) == (Status.BREACH, 0.5)
    assert over.causes
    assert judged(new, detector=BeforeOutcomes(limit=2.0))["estimated_error"].status is Status.OK
    red = judged(new, detector=BeforeOutcomes(limit=0.5, overdue=True))["estimated_error"]
    assert (red.status, red.causes) == (Status.CANNOT_JUDGE, ())


def test_too_few_known_parts_are_no_base() -> None:
    found = judged(parts(240, 2, known=False), parts(200, 1))
    assert {f.value for m, f in found.items() if m != "estimate_light"} == {None}
    assert found["estimate_light"].value == AMBER


def test_a_column_that_one_of_the_windows_lacks_is_not_used() -> None:
    fewer = replace(KNOWN, names=KNOWN.names[:-1], values=KNOWN.values[:, :-1])
    assert judged(parts(240, 2, known=False), fewer)["estimate_light"].value == GREEN
    assert INPUTS[-1] not in fewer.names


def test_a_constant_column_is_no_term_and_too_few_losses_are_refused() -> None:
    values = np.column_stack([np.full(10, 7.1), np.arange(10.0)])
    assert scales_of(values).varies.tolist() == [0.0, 1.0]
    with pytest.raises(ValueError, match="2 losses are known; expected 5 or more"):
        fit(values, np.array([[1.0, 2.0, *[np.nan] * 8]]).T)
