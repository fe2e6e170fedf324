"""Realised predictions of classes: losses beside those of the rate that was known, as the columns of a window."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from inference.models.tables.class_forecast import follow_rates
from inference.models.tables.class_losses import in_likeliest, log_losses
from inference.policy.regions import are_probabilities
from monitor.model import ClassSpec, Floats
from monitor.store.rows.known_outcomes import KnownOutcome

Said = Sequence[float | None] | None
"""The probabilities of a prediction as they are stored."""


def class_errors(said: Sequence[Said], places: Sequence[int | None], rates: Floats, spec: ClassSpec) -> Floats:
    """Log loss, bias, whether the likeliest classes missed the outcome, and log loss of the known rates: (rows, 4).

    `places` are those of the outcomes' classes, `rates` (rows, classes), NaN where unknown. All are NaN where an
    outcome is no class or a prediction has no probabilities of these classes.
    """
    errors = np.full((len(said), 4), np.nan)
    known = [
        (i, [float(p) for p in probabilities if p is not None], place)
        for i, (probabilities, place) in enumerate(zip(said, places, strict=True))
        if probabilities is not None and place is not None
    ]
    known = [row for row in known if are_probabilities(row[1], spec)]
    if not known:
        return errors
    rows = [i for i, _, _ in known]
    probabilities, classes = np.array([p for _, p, _ in known]), np.array([c for *_, c in known], dtype=np.float64)
    good = np.array(spec.good)
    errors[rows, 0] = log_losses(probabilities, classes)
    errors[rows, 1] = probabilities[:, ~good].sum(axis=1) - ~good[classes.astype(np.intp)]
    errors[rows, 2] = ~in_likeliest(probabilities, classes, spec.certainty)
    errors[rows, 3] = _losses_where_known(rates[rows], classes)
    return errors


def _losses_where_known(rates: Floats, classes: Floats) -> Floats:
    found = np.full(len(rates), np.nan)
    known = np.isfinite(rates).all(axis=1)
    found[known] = log_losses(rates[known], classes[known])
    return found


def known_rates(outcomes: Sequence[KnownOutcome], decided: Sequence[datetime], spec: ClassSpec) -> Floats:
    """For each decision the rates of the classes that were known when it was made: (rows, classes); NaN without any.

    `outcomes` in order of availability; those of no class do not count.
    """
    known = [(row.available_at, place) for row in outcomes if (place := spec.index(row.value)) is not None]
    places = np.array([place for _, place in known], dtype=np.intp)
    rates = follow_rates(places, np.arange(len(places)), len(spec.values))
    rates[0] = np.nan
    times = [at for at, _ in known]
    return np.asarray(rates[[bisect_right(times, at) for at in decided]])
