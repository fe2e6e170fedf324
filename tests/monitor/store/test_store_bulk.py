"""Many rows at once: the same rows as SQLAlchemy's own statements write, on both databases."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import sqlalchemy as sa
from spine_kit import Spine, after

from monitor.statuses import OutboxStatus
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert, insert_new, upsert


def _example(column: sa.Column[object], number: int) -> object:
    """A value of the column's type."""
    of = column.type.python_type if not isinstance(column.type, sa.types.TypeDecorator) else None
    if isinstance(column.type, t.UtcDateTime):
        return after(number)
    if isinstance(column.type, t.JsonText):
        return {"b": [number, 0.1], "a": None}
    if isinstance(column.type, t.EnumText):
        return next(iter(column.type.enum))
    if of is bytes:
        return b"\x00\xff"
    return {float: number + 0.5, int: number, bool: True}.get(of or str, f"{column.name} {number}")


def _rows(table: sa.Table, first: int = 0) -> list[dict[str, object]]:
    return [{c.name: _example(c, first + n) for c in table.c} for n in range(3)]


def _stored(connection: sa.Connection, table: sa.Table) -> list[Mapping[str, object]]:
    query = sa.select(table).order_by(*table.primary_key)
    return [dict(row._mapping) for row in connection.execute(query)]


@pytest.mark.parametrize("table", t.metadata.sorted_tables, ids=lambda table: table.name)
def test_every_table_takes_the_rows_that_sqlalchemy_writes(spine: Spine, table: sa.Table) -> None:
    with spine.store.write() as connection:
        connection.execute(table.delete())
        connection.execute(table.insert(), _rows(table))
        expected = _stored(connection, table)
        connection.execute(table.delete())
        insert(connection, table, _rows(table))
        assert _stored(connection, table) == expected
        insert_new(connection, table, _rows(table))
        assert _stored(connection, table) == expected


def test_what_rows_do_not_give_has_the_default_of_its_column(spine: Spine) -> None:
    with spine.store.write() as connection:
        insert(connection, t.sequence, [{"name": "of a test"}])
        value = connection.scalar(sa.select(t.sequence.c.value).where(t.sequence.c.name == "of a test"))
    assert value == 0


def test_an_upsert_overwrites_or_adds(spine: Spine) -> None:
    with spine.store.write() as connection:
        for add, expected in (((), 5), (("value",), 10)):
            upsert(connection, t.sequence, [{"name": "of a test", "value": 5}], add=add)
            query = sa.select(t.sequence.c.value).where(t.sequence.c.name == "of a test")
            assert connection.scalar(query) == expected


@pytest.mark.parametrize(
    ("column", "value"),
    [("at", after(1).replace(tzinfo=None)), ("values", {"a": float("nan")})],
    ids=["naive time", "NaN"],
)
def test_a_value_that_the_store_refuses_is_refused(spine: Spine, column: str, value: object) -> None:
    with spine.store.write() as connection, pytest.raises(ValueError, match=r"naive|JSON"):
        insert(connection, t.reading, [_rows(t.reading)[0] | {column: value}])


def test_no_rows_are_no_statement(spine: Spine) -> None:
    with spine.store.write() as connection:
        for write in (insert, insert_new, upsert):
            write(connection, t.reading, [])


def test_a_status_is_stored_as_its_word(spine: Spine) -> None:
    with spine.store.write() as connection:
        insert(connection, t.outbox, [_rows(t.outbox)[0] | {"status": OutboxStatus.SENT}])
        words = connection.execute(sa.text("SELECT status FROM outbox")).scalars().all()
    assert words == [OutboxStatus.SENT.value]
