"""The models in force: the one that the store names for each gate, loaded from the local cache and verified."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from monitor.detection import MISCOVERAGE, SKILL
from monitor.errors import ModelError, ModelReason
from monitor.gate_models.registry import ModelRegistry
from monitor.model import Prediction, Reason, Status
from monitor.pipeline.judging import InForce
from monitor.store.database.database import Connection, Store
from monitor.store.models.versions import ModelInForce, models_in_force
from monitor.store.watching.board import realised_statuses


class ModelsInForce:
    """Keeps the loaded model of each gate; one that fails verification is `bad_model` until it changes or `retry`."""

    def __init__(self, store: Store, registry: ModelRegistry) -> None:
        self._store = store
        self._registry = registry
        self._loaded: dict[str, InForce] = {}
        self._lock = threading.Lock()

    def for_gates(self, gates: Iterable[str]) -> dict[str, InForce]:
        """The model that each gate uses now.

        One that had no skill when it was trained predicts, but its predictions are withheld.
        """
        with self._store.read() as connection:
            rows = models_in_force(connection)
            withheld = _withheld(connection, {gate: row.since for gate, row in rows.items()})
        models = {gate: self._load(gate, rows.get(gate)) for gate in gates}
        for gate, used in models.items():
            if used.model is not None and not used.model.skill > 0:  # also when it is NaN
                withheld.setdefault(gate, Reason.NO_SKILL)
        return {g: replace(u, withheld=withheld[g]) if g in withheld else u for g, u in models.items()}

    def retry(self, gate: str) -> None:
        """Load again at the next use, after the cache was repaired."""
        with self._lock:
            self._loaded.pop(gate, None)

    def held_out(self, used: ModelInForce) -> Mapping[str, Prediction] | None:
        """By serial what a version said of parts that it was not fitted to; None where it does not say."""
        return self._registry.held_out(used.model, used.digest)

    def _load(self, gate: str, row: ModelInForce | None) -> InForce:
        if row is None:
            return InForce(None, Reason.NO_MODEL)
        with self._lock:
            loaded = self._loaded.get(gate)
            if loaded is None or (loaded.version, loaded.digest) != (row.version, row.digest):
                loaded = self._loaded[gate] = self._open(row)
            return loaded

    def _open(self, row: ModelInForce) -> InForce:
        try:
            model = self._registry.load(row.model, row.digest)
            held_out = self._registry.held_out(row.model, row.digest) or {}
        except ModelError as exc:
            refused = Reason.NO_MODEL if exc.reason is ModelReason.NOT_FOUND else Reason.BAD_MODEL
            return InForce(None, refused, row.model, row.version, row.digest)
        return InForce(model, None, row.model, row.version, row.digest, held_out=held_out)


def _withheld(connection: Connection, since: Mapping[str, datetime]) -> dict[str, Reason]:
    """Why the predictions of a gate are not acted on, as judged since its model came into force."""
    reasons = {}
    for method, reason in ((MISCOVERAGE, Reason.NOT_CALIBRATED), (SKILL, Reason.NO_SKILL)):
        statuses = realised_statuses(connection, method, since)
        reasons.update({gate: reason for gate, status in statuses.items() if status is Status.BREACH})
    return reasons
