"""Model versions and the one in force for each gate: the store's row decides, MLflow's alias mirrors it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.failpoints import reach
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import Lease, prove
from monitor.store.database.statements import insert_new

Also = Callable[[sa.Connection], object]


@dataclass(frozen=True, slots=True)
class Version:
    """A registered model version. It may be put in force from `ready_at` on."""

    gate: str
    model: str
    version: str
    digest: str
    trained_at: datetime
    ready_at: datetime
    data_digest: str
    rows: int
    metrics: Mapping[str, float]


def record(
    store: Store, lease: Lease | None, version: Version, status: str = "ready", also: Also = lambda _: None
) -> None:
    """Keep a registered version, under a lease where a job does it; one on record already stays as it is.

    Training again on the same rows makes the same package, and that is the same version. `also` is written in the
    same transaction.
    """
    row = {
        "gate": version.gate, "model": version.model, "version": version.version, "digest": version.digest,
        "trained_at": version.trained_at, "ready_at": version.ready_at, "data_digest": version.data_digest,
        "rows": version.rows, "metrics": dict(version.metrics), "status": status,
    }  # fmt: skip
    with store.write() as connection:
        if lease is not None:
            prove(store, connection, lease)
        insert_new(connection, t.model_version, [row])
        also(connection)


def of_gate(connection: sa.Connection, gate: str | None = None) -> list[Any]:
    """Recorded versions, oldest first."""
    query = sa.select(t.model_version).order_by(t.model_version.c.trained_at, t.model_version.c.version)
    if gate is not None:
        query = query.where(t.model_version.c.gate == gate)
    return list(connection.execute(query))


def model_in_force(connection: sa.Connection, gate: str) -> Any:
    """The row of the version in force, or None."""
    return connection.execute(sa.select(t.model_in_force).where(t.model_in_force.c.gate == gate)).one_or_none()


def mark(connection: sa.Connection, model: str, version: str, status: str) -> None:
    """Give a version a status."""
    mine = (t.model_version.c.model == model, t.model_version.c.version == version)
    connection.execute(t.model_version.update().where(*mine).values(status=status))


def put_in_force(
    store: Store,
    lease: Lease | None,
    gate: str,
    row: Any,
    expected: int,
    now: datetime,
    also: Also = lambda _: None,
) -> bool:
    """Compare-and-swap: the version is in force if `expected` changes had been made before; else nothing changes.

    `also` is written in the same transaction.
    """
    with store.write() as connection:
        if lease is not None:
            prove(store, connection, lease)
        new = {"model": row.model, "version": row.version, "digest": row.digest, "since": now, "mirrored": 0}
        if expected == 0:
            known = model_in_force(connection, gate)
            if known is not None:
                return False
            connection.execute(t.model_in_force.insert().values(gate=gate, changes=1, **new))
        else:
            mine = t.model_in_force.update().where(
                t.model_in_force.c.gate == gate, t.model_in_force.c.changes == expected
            )
            if connection.execute(mine.values(changes=expected + 1, **new)).rowcount != 1:
                return False
        reach("during_promotion")
        status = t.model_version.update().where(t.model_version.c.gate == gate)
        connection.execute(status.where(t.model_version.c.status == "in_force").values(status="retired"))
        mark(connection, row.model, row.version, "in_force")
        also(connection)
        return True


def mirrored(store: Store, gate: str, version: str) -> None:
    """Note that MLflow's alias names the version in force."""
    with store.write() as connection:
        mine = t.model_in_force.update().where(t.model_in_force.c.gate == gate, t.model_in_force.c.version == version)
        connection.execute(mine.values(mirrored=1))
