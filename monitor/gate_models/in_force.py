"""The models in force: which one the store names for each gate, loaded once from the local cache and verified."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace

from monitor.errors import ModelError, ModelReason
from monitor.gate_models.registry import ModelRegistry
from monitor.model import Reason, Status
from monitor.pipeline.judging import InForce
from monitor.store.database.database import Store
from monitor.store.models.versions import ModelInForce, models_in_force
from monitor.store.watching.board import skill_of


class ModelsInForce:
    """Keeps the loaded model of each gate; one that does not verify is `bad_model` until it changes or `retry`."""

    def __init__(self, store: Store, registry: ModelRegistry) -> None:
        self._store = store
        self._registry = registry
        self._loaded: dict[str, InForce] = {}
        self._lock = threading.Lock()

    def for_gates(self, gates: Iterable[str]) -> dict[str, InForce]:
        """What each gate is to use now."""
        with self._store.read() as connection:
            rows = models_in_force(connection)
            absent = {gate for gate, row in rows.items() if skill_of(connection, gate, row.since) is Status.BREACH}
        used = {gate: self._one(gate, rows.get(gate)) for gate in gates}
        return {g: replace(u, withheld=Reason.NO_SKILL) if g in absent else u for g, u in used.items()}

    def retry(self, gate: str) -> None:
        """Load again at the next use, after the cache was mended."""
        with self._lock:
            self._loaded.pop(gate, None)

    def _one(self, gate: str, row: ModelInForce | None) -> InForce:
        if row is None:
            return InForce(None, Reason.NO_MODEL)
        with self._lock:
            known = self._loaded.get(gate)
            if known is None or (known.version, known.digest) != (row.version, row.digest):
                known = self._loaded[gate] = self._open(row)
            return known

    def _open(self, row: ModelInForce) -> InForce:
        try:
            model = self._registry.load(row.model, row.digest)
        except ModelError as exc:
            refused = Reason.NO_MODEL if exc.reason is ModelReason.NOT_FOUND else Reason.BAD_MODEL
            return InForce(None, refused, row.model, row.version, row.digest)
        return InForce(model, None, row.model, row.version, row.digest)
