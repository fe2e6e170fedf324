"""What is measured: the product's detectors with their defaults."""

from __future__ import annotations

import json

from detectors.condition.levels import PAGE
from detectors.condition.reference import Reference, learn
from detectors.condition.saved import save_reference, save_running
from detectors.condition.scoring import Running, score, start
from monitor.model import Floats


class Judging:
    """A reference, and what moves with the rows."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.running: Running = start(reference)

    def score(self, rows: Floats) -> Floats:
        """The scores of the next rows (rows,)."""
        self.running, scores = score(self.reference, self.running, rows)
        return scores.scores

    def saved_bytes(self) -> int:
        """Of the state as JSON."""
        return len(json.dumps([save_reference(self.reference), save_running(self.running)]))


class Product:
    """A machine's condition by `detectors.condition`."""

    page_limit = PAGE

    def fit(self, reference: Floats) -> Judging:
        """Learn a reference."""
        return Judging(learn(reference))
