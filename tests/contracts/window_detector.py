"""The suite that every window detector passes; a test module gives cases and runs `CHECKS` on each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from monitor.model import Finding, Floats, Status, Window
from monitor.ports import WindowDetector


@dataclass(frozen=True)
class Case:
    """A detector with a healthy reference and a healthy current window for it."""

    detector: Callable[[], WindowDetector]
    reference: Window
    current: Window


def keys(findings: Sequence[Finding]) -> list[tuple[str, str, str]]:
    """What was judged, without how."""
    return [(f.method, f.subject, f.feature) for f in findings]


def cut(window: Window, start: int, stop: int) -> Window:
    """Rows [start, stop) of a window."""
    return replace(
        window, values=window.values[start:stop], at=window.at[start:stop], arrivals=window.arrivals[start:stop],
        groups=window.groups[start:stop],
    )  # fmt: skip


def without(window: Window, name: str) -> Window:
    """The window as if that column had never been mapped."""
    kept = [i for i, known in enumerate(window.names) if known != name]
    return replace(window, names=tuple(window.names[i] for i in kept), values=window.values[:, kept])


def filled(window: Window, value: float, name: str | None = None) -> Window:
    """The window with one column, or all of them, holding this value in every row."""
    values = window.values.copy()
    values[:, slice(None) if name is None else window.names.index(name)] = value
    return replace(window, values=values)


def check_same_windows_same_findings(case: Case) -> None:
    """Twice by one detector, and by a fresh one that judged something else before: the same."""
    first, second = case.detector(), case.detector()
    once = list(first.judge(case.reference, case.current))
    second.judge(case.current, cut(case.reference, 0, 30))
    assert list(first.judge(case.reference, case.current)) == once
    assert list(second.judge(case.reference, case.current)) == once


def check_the_windows_are_not_changed(case: Case) -> None:
    """The values handed over are the values afterwards."""
    before: list[Floats] = [case.reference.values.copy(), case.current.values.copy()]
    case.detector().judge(case.reference, case.current)
    np.testing.assert_array_equal(case.reference.values, before[0])
    np.testing.assert_array_equal(case.current.values, before[1])


def check_findings_are_sound(case: Case) -> None:
    """Own name, subject, step and a method; finite numbers; a breach names its causes; each thing once."""
    detector = case.detector()
    for current in variants(case).values():
        found = detector.judge(case.reference, current)
        assert len(set(keys(found))) == len(found)
        for f in found:
            assert (f.detector, f.subject, f.step) == (detector.name, case.current.subject, case.current.step)
            assert f.method
            assert f.at.tzinfo is not None
            assert all(n is None or math.isfinite(n) for n in (f.value, f.limit))
            assert f.row == -1
            assert (f.value is not None) if f.status in (Status.OK, Status.BREACH) else not f.causes
            assert bool(f.causes) == (f.status is Status.BREACH)


def check_always_the_same_is_judged(case: Case) -> None:
    """Whatever the current window holds, the same things are judged, and the subject as a whole among them."""
    detector = case.detector()
    expected = keys(detector.judge(case.reference, case.current))
    assert any(feature == "" for _, _, feature in expected)
    for name, current in variants(case).items():
        assert keys(detector.judge(case.reference, current)) == expected, name


def check_nothing_to_see_is_never_ok(case: Case) -> None:
    """No row, or no value: nothing is OK, and the whole is NO_DATA or CANNOT_JUDGE where no row came."""
    detector = case.detector()
    nothing = detector.judge(case.reference, cut(case.current, 0, 0))
    assert {f.status for f in nothing} <= {Status.NO_DATA, Status.CANNOT_JUDGE}
    assert all(f.value is None for f in nothing)
    missing = detector.judge(case.reference, filled(case.current, math.nan))
    assert all(f.status is not Status.OK for f in missing)


def check_a_healthy_window_is_ok(case: Case) -> None:
    """The case is healthy: no breach, and the whole is OK."""
    found = case.detector().judge(case.reference, case.current)
    assert [f for f in found if f.status is Status.BREACH] == []
    assert {f.status for f in found if f.feature == ""} == {Status.OK}


def check_a_column_that_one_window_lacks_is_no_data(case: Case) -> None:
    """It is named, not left out; the others are judged as if nothing were."""
    detector, name = case.detector(), case.reference.names[0]
    for pair in ((case.reference, without(case.current, name)), (without(case.reference, name), case.current)):
        found = detector.judge(*pair)
        about = [f for f in found if f.feature == name]
        assert all(f.status is Status.NO_DATA for f in about)
        assert sorted({f.feature for f in found}) == sorted(
            {f.feature for f in detector.judge(case.reference, case.current)}
        )


def variants(case: Case) -> dict[str, Window]:
    """Current windows that a plant may bring, by what is odd about them."""
    current, name = case.current, case.current.names[0]
    huge, jumbled = current.values * 1e200, current.values[::-1]
    return {
        "as it is": current,
        "no row": cut(current, 0, 0),
        "one row": cut(current, 0, 1),
        "few rows": cut(current, 0, 5),
        "everything missing": filled(current, math.nan),
        "one column missing": filled(current, math.nan, name),
        "one column constant": filled(current, 3.25, name),
        "one column infinite": filled(current, math.inf, name),
        "everything constant": filled(current, 0.0),
        "huge values": replace(current, values=huge),
        "in another order": replace(current, values=jumbled),
        "without one column": without(current, name),
        "with another column": replace(
            without(current, name),
            names=(*without(current, name).names, name),
            values=np.column_stack([without(current, name).values, current.values[:, 0]]),
        ),
    }


CHECKS = (
    check_same_windows_same_findings,
    check_the_windows_are_not_changed,
    check_findings_are_sound,
    check_always_the_same_is_judged,
    check_nothing_to_see_is_never_ok,
    check_a_healthy_window_is_ok,
    check_a_column_that_one_window_lacks_is_no_data,
)
