"""Model versions, and the one in force for each gate, which MLflow's alias mirrors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from monitor.failpoints import reach
from monitor.statuses import VersionStatus
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert_new
from monitor.store.database.database import Store
from monitor.store.database.leases import Lease, renew
from monitor.store.database.rows import fetch_one, fetch_rows, select_columns

Also = Callable[[sa.Connection], object]


class Version(NamedTuple):
    """A registered model version, which may be put in force from `ready_at` on."""

    gate: str
    model: str
    version: str
    digest: str
    trained_at: datetime
    ready_at: datetime
    data_digest: str
    rows: int
    metrics: Mapping[str, float]
    status: VersionStatus = VersionStatus.READY


class ModelInForce(NamedTuple):
    """A gate's version in force: since when, after how many changes, and whether MLflow's alias names it (0 or 1)."""

    gate: str
    model: str
    version: str
    digest: str
    since: datetime
    changes: int
    mirrored: int


def record_version(store: Store, lease: Lease | None, version: Version, also: Also = lambda _: None) -> None:
    """Store a registered version, under a lease if a job does it; an existing one stays unchanged.

    Training again on the same rows gives the same package and so the same version. `also` is called in the same
    transaction.
    """
    with store.write() as connection:
        if lease is not None:
            renew(store, connection, lease)
        insert_new(connection, t.model_version, [version._asdict()])
        also(connection)


def list_versions(connection: sa.Connection, gate: str | None = None) -> list[Version]:
    """The versions of a gate, or of all, oldest first."""
    return list(fetch_rows(connection, Version, _versions_of(gate)))


@cache
def _versions_of(gate: str | None) -> sa.Select[Any]:
    v = t.model_version.c
    query = select_columns(Version, t.model_version).order_by(v.trained_at, v.version)
    return query if gate is None else query.where(v.gate == gate)


def version_of(connection: sa.Connection, model: str, version: str) -> Version:
    """A model's version of that number, which must exist."""
    v = t.model_version.c
    query = select_columns(Version, t.model_version).where(v.model == model, v.version == version)
    return Version._make(connection.execute(query).one())


def model_in_force(connection: sa.Connection, gate: str) -> ModelInForce | None:
    """The gate's version in force; None before the first."""
    return fetch_one(connection, ModelInForce, _in_force(gate))


@cache
def _in_force(gate: str) -> sa.Select[Any]:
    return select_columns(ModelInForce, t.model_in_force).where(t.model_in_force.c.gate == gate)


def models_in_force(connection: sa.Connection) -> dict[str, ModelInForce]:
    """Every gate's version in force, by gate."""
    rows = fetch_rows(connection, ModelInForce, select_columns(ModelInForce, t.model_in_force))
    return {row.gate: row for row in rows}


def set_status(connection: sa.Connection, model: str, version: str, status: VersionStatus) -> None:
    """Set the status of a version."""
    where = (t.model_version.c.model == model, t.model_version.c.version == version)
    connection.execute(t.model_version.update().where(*where).values(status=status))


def put_in_force(
    store: Store,
    lease: Lease | None,
    gate: str,
    version: Version,
    expected: int,
    now: datetime,
    also: Also = lambda _: None,
) -> bool:
    """Put a version in force by compare-and-swap: false if the gate's number of changes is not `expected`.

    `also` is called in the same transaction.
    """
    with store.write() as connection:
        if lease is not None:
            renew(store, connection, lease)
        new = {
            "model": version.model,
            "version": version.version,
            "digest": version.digest,
            "since": now,
            "mirrored": 0,
        }
        if expected == 0:
            if model_in_force(connection, gate) is not None:
                return False
            connection.execute(t.model_in_force.insert().values(gate=gate, changes=1, **new))
        else:
            swap = t.model_in_force.update().where(
                t.model_in_force.c.gate == gate, t.model_in_force.c.changes == expected
            )
            if connection.execute(swap.values(changes=expected + 1, **new)).rowcount != 1:
                return False
        reach("during_promotion")
        status = t.model_version.update().where(t.model_version.c.gate == gate)
        connection.execute(
            status.where(t.model_version.c.status == VersionStatus.IN_FORCE).values(status=VersionStatus.RETIRED)
        )
        set_status(connection, version.model, version.version, VersionStatus.IN_FORCE)
        also(connection)
        return True


def mark_mirrored(store: Store, gate: str, version: str) -> None:
    """Record that MLflow's alias names the version in force."""
    with store.write() as connection:
        update = t.model_in_force.update().where(t.model_in_force.c.gate == gate, t.model_in_force.c.version == version)
        connection.execute(update.values(mirrored=1))
