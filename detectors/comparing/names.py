"""The names of the methods, as Evidently spells them; without any import that takes time."""

from __future__ import annotations

from enum import StrEnum


class Name(StrEnum):
    """A method."""

    WASSERSTEIN = "wasserstein"
    ENERGY = "ed"
    KOLMOGOROV = "ks"
    T_TEST = "t_test"
    ANDERSON = "anderson"
    CRAMER_VON_MISES = "cramer_von_mises"
    MANN_WHITNEY = "mannw"
    PSI = "psi"
    JENSEN_SHANNON = "jensenshannon"
    KULLBACK_LEIBLER = "kl_div"
    HELLINGER = "hellinger"
    TOTAL_VARIATION = "TVD"
    CHI_SQUARE = "chisquare"
    PROPORTIONS = "z"
