"""Rollback to a model version that was in force before: one transaction, whether MLflow is up or down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from monitor.errors import ModelError, ModelReason, UsageError
from monitor.gate_models.registry import ModelRegistry, mirror
from monitor.model import RetrainingState
from monitor.statuses import VersionStatus
from monitor.store.database.database import Connection, Store
from monitor.store.models import retraining, versions
from monitor.store.models.retraining import RetrainingRequest
from monitor.store.models.versions import ModelInForce, Version


def roll_back(
    store: Store,
    registry: ModelRegistry,
    gate: str,
    to: str | None,
    now: datetime,
) -> tuple[str, str]:
    """Put the previous version, or the version `to`, in force again; returns (version before, version now).

    A package missing from the cache is fetched; if MLflow is down then, nothing changes. A version that a comparison
    refused was never in force: it needs 'gatewatch model train --put-in-force'.
    """
    with store.read() as connection:
        current = versions.model_in_force(connection, gate)
        if current is None:
            raise UsageError(f"gate {gate!r} has no model in force; 'gatewatch model train {gate}' trains the first")
        candidates = [v for v in versions.list_versions(connection, gate) if v.model == current.model]
        chosen = _choose(
            gate, candidates, _previous(retraining.list_requests(connection, gate), current) if to is None else to, to
        )
    if chosen.version == current.version:
        raise UsageError(f"gate {gate!r}: version {chosen.version} is already in force")
    _ensure_cached(registry, chosen)

    def record(connection: Connection) -> None:
        retraining.record_rollback(connection, gate, current.version, chosen.version, now)

    if not versions.put_in_force(store, None, gate, chosen, current.changes, now, record):
        raise UsageError(f"gate {gate!r}: another version was put in force meanwhile; check 'gatewatch model list'")
    mirror(store, registry, gate, chosen.model, chosen.version)
    return current.version, chosen.version


def _previous(requests: Sequence[RetrainingRequest], current: ModelInForce) -> str | None:
    """The version that the one in force replaced, if that is recorded."""
    changes = (RetrainingState.PROMOTED, RetrainingState.ROLLED_BACK)
    promotions = [r for r in requests if r.state in changes and r.challenger == current.version]
    return promotions[-1].champion if promotions else None


def _choose(gate: str, candidates: Sequence[Version], wanted: str | None, named: str | None) -> Version:
    """The wanted version among those that were in force before, or the newest of them."""
    usable = {v.version: v for v in candidates if v.status in (VersionStatus.RETIRED, VersionStatus.IN_FORCE)}
    if wanted is None:
        retired = [v for v in candidates if v.status is VersionStatus.RETIRED]
        if not retired:
            raise UsageError(f"gate {gate!r}: no version was in force before this one")
        return retired[-1]
    if wanted not in usable:
        raise UsageError(
            f"gate {gate!r}: version {named or wanted!r} was never in force; allowed: {', '.join(usable) or 'none'}"
        )
    return usable[wanted]


def _ensure_cached(registry: ModelRegistry, version: Version) -> None:
    try:
        registry.load(version.model, version.digest)
    except ModelError as exc:
        if exc.reason is not ModelReason.NOT_FOUND:
            raise
        registry.fetch(version.model, version.version, version.digest)
        registry.load(version.model, version.digest)
