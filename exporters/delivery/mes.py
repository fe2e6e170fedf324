"""Writes recommendations to a table of the MES: an upsert under a unique key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from exporters.delivery.mes_columns import misfits
from monitor.errors import DeliveryError, DeliveryReason, UsageError
from monitor.plant.sources import WriteBack

KEY_FIELDS = ("site", "serial", "step", "visit", "revision")

_TYPES: dict[str, Any] = {
    "visit": sa.Integer, "revision": sa.Integer, "confidence": sa.Double, "predicted": sa.Double,
    "lower": sa.Double, "upper": sa.Double, "decided_at": sa.DateTime, "expected_cost": sa.Double,
    "probability": sa.Double, "adjust_to": sa.Double, "adjust_to_2": sa.Double,
    "audit": sa.Integer,
}  # fmt: skip

# Transient SQLite result codes: interrupted, busy, locked, I/O error, full, cannot open, protocol.
_SQLITE_TRANSIENT = {5, 6, 9, 10, 13, 14, 15}
# Transient PostgreSQL SQLSTATE classes and codes: connection, serialisation or deadlock, resources, operator
# intervention (shutdown, cancelled statement), lock not available, read-only (a standby after fail-over).
_POSTGRES_TRANSIENT = ("08", "40", "53", "57", "55P03", "25006")
_POSTGRES_NO_KEY = "42P10"
_SQLITE_NO_KEY = "ON CONFLICT clause does not match"


class MesTarget:
    """The table of the MES for recommendations, on SQLite or PostgreSQL.

    Every call opens and closes its own connection, with the configured timeout.
    """

    def __init__(self, config: WriteBack, names: Mapping[str, Sequence[str]] | None = None) -> None:
        """`names`: what is known to be written to a field, such as the steps with gates; `check` looks at it."""
        self._config, self._names = config, names or {}
        self._engine = _engine(config)
        self._zone = ZoneInfo(config.time_zone)
        self._name = self._engine.url.render_as_string(hide_password=True)
        columns = [sa.column(column, _TYPES.get(field, sa.Text)) for field, column in config.columns.items()]
        self._table = sa.table(config.table, *columns, schema=config.table_schema)

    def check(self) -> list[str]:
        """Every problem that would prevent writing, as sentences."""
        try:
            self._require_file()
            with self._engine.connect() as connection:
                return self._problems(sa.inspect(connection))
        except DeliveryError as exc:
            return [str(exc)]
        except SQLAlchemyError as exc:
            return [str(self._error(exc))]

    def upsert(self, payloads: Sequence[Mapping[str, Any]]) -> None:
        """Write all payloads (fields of WRITE_BACK_FIELDS) in one transaction; safe to repeat.

        DeliveryError UNREACHABLE is transient; REFUSED and MISSING_KEY need someone to act.
        """
        if not payloads:
            return
        rows = [self._row(payload) for payload in payloads]
        try:
            self._require_file()
            with self._engine.begin() as connection:
                connection.execute(self._statement, rows)
        except SQLAlchemyError as exc:
            raise self._error(exc) from exc

    @cached_property
    def _statement(self) -> sa.Insert:
        key = [self._config.columns[field] for field in KEY_FIELDS]
        rest = [column for column in self._table.c if column.name not in key]
        module: Any = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        insert = module.insert(self._table)
        changed = {column.name: insert.excluded[column.name] for column in rest}
        statement: sa.Insert = insert.on_conflict_do_update(index_elements=key, set_=changed)
        return statement

    def _row(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        missing = [field for field in (*KEY_FIELDS, "recommendation") if payload.get(field) is None]
        if missing:
            raise DeliveryError(f"a recommendation lacks {', '.join(missing)}: {dict(payload)}", DeliveryReason.REFUSED)
        codes = self._config.codes
        row = {
            column: codes[field].get(str(payload.get(field)), payload.get(field))
            if field in codes
            else payload.get(field)
            for field, column in self._config.columns.items()
        }
        if "decided_at" in self._config.columns:
            row[self._config.columns["decided_at"]] = self._local(payload.get("decided_at"))
        return row

    def _local(self, at: datetime | str | None) -> datetime | None:
        if at is None:
            return None
        at = datetime.fromisoformat(at) if isinstance(at, str) else at
        if at.tzinfo is None:
            raise ValueError(f"decided_at {at!r} is naive: recommendations carry aware times")
        return at.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None)

    def _problems(self, inspector: sa.Inspector) -> list[str]:
        table, schema = self._config.table, self._config.table_schema
        if not inspector.has_table(table, schema):
            return [f"write_back: {self._name} has no table {table!r}; create it or correct write_back.table"]
        reflected = [dict(column) for column in inspector.get_columns(table, schema)]
        present = [str(column["name"]) for column in reflected]
        absent = [column for column in self._config.columns.values() if column not in present]
        if absent:
            names = ", ".join(map(repr, absent))
            return [f"write_back: table {table!r} in {self._name} has no column {names}; it has {', '.join(present)}"]
        wanted = {self._config.columns[field] for field in KEY_FIELDS}
        keyless = [] if wanted in _unique_keys(inspector, table, schema) else [self._no_key()]
        postgres = self._engine.dialect.name == "postgresql"
        found = misfits(self._config.columns, reflected, dict(self._config.codes), self._names, postgres)
        return [*(f"write_back: table {table!r} in {self._name}: {why}" for why in found), *keyless]

    def _no_key(self) -> str:
        return (
            f"write_back: table {self._config.table!r} in {self._name} has no unique key over the five columns that "
            f"identify a recommendation, so a repeated write would duplicate it; run: {self.ddl()}"
        )

    def ddl(self) -> str:
        """The statement that creates the unique key."""
        quote = self._engine.dialect.identifier_preparer
        columns = ", ".join(quote.quote(self._config.columns[field]) for field in KEY_FIELDS)
        index = quote.quote(f"uq_{self._config.table}_recommendation")
        return f"CREATE UNIQUE INDEX {index} ON {quote.format_table(self._table)} ({columns});"

    def _require_file(self) -> None:
        """Refuse a missing SQLite file: connecting would create an empty database."""
        url = self._engine.url
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
            raise DeliveryError(f"write_back: no database file at {self._name}", DeliveryReason.UNREACHABLE)

    def _error(self, exc: SQLAlchemyError) -> DeliveryError:
        reason = _reason(exc)
        if reason is DeliveryReason.MISSING_KEY:
            return DeliveryError(self._no_key(), reason)
        detail = str(exc.orig if isinstance(exc, DBAPIError) else exc).strip().partition("\n")[0]
        verb = "cannot be written now" if reason is DeliveryReason.UNREACHABLE else "refused the recommendation"
        return DeliveryError(f"write_back: table {self._config.table!r} in {self._name} {verb}: {detail}", reason)


def _engine(config: WriteBack) -> sa.Engine:
    url = sa.make_url(config.url)
    seconds = config.timeout.total_seconds()
    if url.get_backend_name() == "sqlite":
        return sa.create_engine(url, poolclass=NullPool, connect_args={"timeout": seconds})
    if url.get_backend_name() != "postgresql":
        shown = url.render_as_string(hide_password=True)
        raise UsageError(
            f"write_back.url: no support for {shown}; expected sqlite:///FILE or postgresql://USER@HOST/DATABASE"
        )
    options = f"-c statement_timeout={round(seconds * 1000)} -c timezone={config.time_zone}"
    arguments = {"connect_timeout": max(2, round(seconds)), "options": options}
    return sa.create_engine(url, poolclass=NullPool, connect_args=arguments)


def _unique_keys(inspector: sa.Inspector, table: str, schema: str | None) -> list[set[str | None]]:
    """The column sets of the unique keys; not of partial indexes, which do not prevent every duplicate."""
    keys: list[set[str | None]] = [set(inspector.get_pk_constraint(table, schema)["constrained_columns"])]
    keys += [set(constraint["column_names"]) for constraint in inspector.get_unique_constraints(table, schema)]
    for index in inspector.get_indexes(table, schema):
        partial = any(name.endswith("_where") for name in index.get("dialect_options", {}))
        if index["unique"] and not partial:
            keys.append(set(index["column_names"]))
    return keys


def _reason(exc: SQLAlchemyError) -> DeliveryReason:
    if not isinstance(exc, DBAPIError):
        return DeliveryReason.UNREACHABLE if isinstance(exc, sa.exc.TimeoutError) else DeliveryReason.REFUSED
    if _SQLITE_NO_KEY in str(exc.orig):
        return DeliveryReason.MISSING_KEY
    code = getattr(exc.orig, "sqlite_errorcode", None)
    if code is not None:
        # The low byte is the primary result code: https://www.sqlite.org/rescode.html
        return DeliveryReason.UNREACHABLE if code & 0xFF in _SQLITE_TRANSIENT else DeliveryReason.REFUSED
    state = getattr(exc.orig, "sqlstate", None)
    if state == _POSTGRES_NO_KEY:
        return DeliveryReason.MISSING_KEY
    transient = state.startswith(_POSTGRES_TRANSIENT) if state else isinstance(exc, sa.exc.OperationalError)
    return DeliveryReason.UNREACHABLE if transient else DeliveryReason.REFUSED
