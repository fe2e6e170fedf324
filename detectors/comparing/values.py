"""The values of Evidently's statistical tests, computed by SciPy from two samples (n,) and (m,) without NaN.

Each returns the p-value that Evidently reports under the method's name; ValueError where it is undefined.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from monitor.model import Floats

Value = Callable[[Floats, Floats], float]


def kolmogorov(reference: Floats, current: Floats) -> float:
    """Two samples of Kolmogorov and Smirnov, two-sided."""
    from scipy.stats import ks_2samp

    return float(ks_2samp(reference, current).pvalue)


def t_test(reference: Floats, current: Floats) -> float:
    """Student's t, equal variances, two-sided."""
    from scipy.stats import ttest_ind

    return float(ttest_ind(reference, current).pvalue)


def anderson(reference: Floats, current: Floats) -> float:
    """Anderson and Darling for two samples, from a table between 0.001 and 0.25."""
    from scipy.stats import anderson_ksamp

    if len(reference) + len(current) < 4:
        raise ValueError("the variance of the statistic is undefined")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the table ends
        return float(anderson_ksamp([reference, current]).pvalue)


def cramer_von_mises(reference: Floats, current: Floats) -> float:
    """Cramér and von Mises for two samples."""
    from scipy.stats import cramervonmises_2samp

    return float(cramervonmises_2samp(reference, current).pvalue)


def mann_whitney(reference: Floats, current: Floats) -> float:
    """Mann and Whitney, one-sided as Evidently has it: small where the current values are larger."""
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(reference, current, alternative="less").pvalue)


def energy(reference: Floats, current: Floats) -> float:
    """The energy distance, no p-value."""
    from scipy.stats import energy_distance

    return float(energy_distance(reference, current))


def chi_square(reference: Floats, current: Floats) -> float:
    """Chi-square of the current counts against those of the reference, which are taken for exact."""
    from scipy.stats import chisquare

    before, now = _counts(reference, current)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(chisquare(now, before * (len(current) / len(reference))).pvalue)


def proportions(reference: Floats, current: Floats) -> float:
    """The z test of two proportions; ValueError for more than two categories."""
    from scipy.stats import norm

    before, now = _counts(reference, current)
    if len(before) > 2:
        raise ValueError("z compares two categories")
    if len(before) == 1:
        return 1.0
    sizes = np.array([len(reference), len(current)])
    shares = np.array([before[1], now[1]]) / sizes
    whole = (before[1] + now[1]) / sizes.sum()
    z = (shares[0] - shares[1]) / np.sqrt(whole * (1 - whole) * (1 / sizes).sum())
    return float(2 * (1 - norm.cdf(abs(z))))


def _counts(reference: Floats, current: Floats) -> tuple[Floats, Floats]:
    keys, codes = np.unique(np.concatenate([reference, current]), return_inverse=True)
    before, now = (np.bincount(part, minlength=len(keys)) for part in np.split(codes, [len(reference)]))
    return before.astype(np.float64), now.astype(np.float64)
