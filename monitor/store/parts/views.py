"""Read-only views of what is known of parts, for other programs such as Grafana, as SQL for PostgreSQL.

They are made beside the tables by whoever owns these, in a schema of their own; a role that may use them needs no right
to any table. Gatewatch itself reads none of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from monitor.errors import UsageError
from monitor.store.database import tables as t

SCHEMA = "gatewatch_read"
_ROLE = r"[A-Za-z_][A-Za-z0-9_$-]{0,62}"


def views() -> Mapping[str, sa.Select[Any]]:
    """The views by name. Each has a column `serial`, by which an index finds the rows."""
    return {
        "part_step": _steps(), "part_value": _values(), "part_decision": _decisions(),
        "part_disposition": _dispositions(), "part_outcome": _outcomes(), "part_message": _messages(),
    }  # fmt: skip


def views_sql(role: str) -> str:
    """What makes the views anew and lets a role that exists read them, and nothing else; safe to run again."""
    if not re.fullmatch(_ROLE, role):
        raise UsageError(f"--role {role!r}: expected the name of a PostgreSQL role of letters, digits, '_', '-' or '$'")
    return "\n".join([_HEAD, "BEGIN;", *_statements(f'"{role}"'), "COMMIT;", ""])


_HEAD = f"""-- Views of Gatewatch's store for a role that may read these and nothing else.
-- Run it as the owner of the store's tables; make the role before, for example with: createuser --pwprompt ROLE
-- Remove everything again with: DROP SCHEMA {SCHEMA} CASCADE;"""


def _statements(role: str) -> Iterator[str]:
    yield f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE;"
    yield f"CREATE SCHEMA {SCHEMA};"
    for name, query in views().items():
        yield f"CREATE VIEW {SCHEMA}.{name} AS\n{_text(query)};"
    yield f"GRANT USAGE ON SCHEMA {SCHEMA} TO {role};"
    yield f"GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO {role};"


def _text(query: sa.Select[Any]) -> str:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def _newest(table: sa.Table, *key: str) -> sa.ColumnElement[bool]:
    """Whether no later revision of the row is there."""
    later = table.alias("later").c
    same = [later[name] == table.c[name] for name in key]
    return ~sa.exists(sa.select(sa.literal_column("1")).where(*same, later.revision > table.c.revision))


_OF_STEP = ("serial", "step", "visit")


def _steps() -> sa.Select[Any]:
    p = t.part_step.c
    columns = (p.serial, p.step, p.visit, p.at, p.available_at, p.machine, p.recipe, p.lot, p.revision)
    return sa.select(*columns).where(_newest(t.part_step, *_OF_STEP))


def _values() -> sa.Select[Any]:
    """What was measured at each step, a row a value."""
    p = t.part_step.c
    document = sa.cast(sa.type_coerce(p["values"], sa.Text), postgresql.JSONB)
    each = sa.func.jsonb_each_text(document).table_valued("key", "value", name="each")
    columns = (p.serial, p.step, p.visit, p.at, each.c.key.label("name"), each.c.value)
    joined = t.part_step.join(each, sa.literal_column("true"))
    return sa.select(*columns).select_from(joined).where(_newest(t.part_step, *_OF_STEP))


def _decisions() -> sa.Select[Any]:
    d = t.decision.c
    said = (d.gate, d.verdict, d.reason, d.on_hold, d.characteristic, d.predicted, d.lower, d.upper)
    return sa.select(d.serial, d.step, d.visit, d.revision, d.at, d.decided_at, *said, d.model, d.version)


def _dispositions() -> sa.Select[Any]:
    d = t.disposition.c
    return sa.select(d.serial, d.step, d.at, d.disposition).where(_newest(t.disposition, "serial", "step", "at"))


def _outcomes() -> sa.Select[Any]:
    o = t.outcome.c
    columns = (o.serial, o.characteristic, o.at, o.available_at, o.value)
    return sa.select(*columns).where(_newest(t.outcome, "serial", "characteristic", "at"))


def _messages() -> sa.Select[Any]:
    """The recommendations that were to be written back to the MES."""
    o = t.outbox.c
    columns = (o.subject.label("serial"), o.created_at, o.sent_at, o.status, o.attempts)
    return sa.select(*columns).where(o.channel == "mes")
