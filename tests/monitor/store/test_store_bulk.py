"""Many rows at once: the same rows as SQLAlchemy's own statements write, on both databases."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import sqlalchemy as sa
from spine_kit import Spine, after

from monitor.errors import StoreError, StoreReason
from monitor.statuses import OutboxStatus
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert, insert_new, upsert
from monitor.store.database.schema import open_store


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


MANY = 25
"""So many rows are copied on PostgreSQL."""


def _rows(table: sa.Table, count: int = 3) -> list[dict[str, object]]:
    return [{c.name: _example(c, n) for c in table.c} for n in range(count)]


def _stored(connection: sa.Connection, table: sa.Table) -> list[Mapping[str, object]]:
    query = sa.select(table).order_by(*table.primary_key)
    return [dict(row._mapping) for row in connection.execute(query)]


@pytest.mark.parametrize("table", t.metadata.sorted_tables, ids=lambda table: table.name)
def test_every_table_takes_the_rows_that_sqlalchemy_writes(spine: Spine, table: sa.Table) -> None:
    with spine.store.write() as connection:
        for rows in (_rows(table), _rows(table, MANY)):
            connection.execute(table.delete())
            connection.execute(table.insert(), rows)
            expected = _stored(connection, table)
            connection.execute(table.delete())
            insert(connection, table, rows)
            assert _stored(connection, table) == expected
            for write in (insert_new, upsert, upsert):
                write(connection, table, rows)
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


@pytest.mark.parametrize("twice", [False, True], ids=["each once", "one twice"])
@pytest.mark.parametrize("count", [1, MANY])
def test_many_are_overwritten_and_added_to_as_few_are(spine: Spine, count: int, twice: bool) -> None:
    rows = [{"name": f"of a test {i}", "value": i} for i in range(count)]
    given = [*rows, rows[0] | {"value": 7}] if twice else rows
    with spine.store.write() as connection:
        upsert(connection, t.sequence, given)
        upsert(connection, t.sequence, given, add=("value",))
        query = sa.select(t.sequence.c.name, t.sequence.c.value).where(t.sequence.c.name.like("of a test %"))
        stored = {row.name: row.value for row in connection.execute(query)}
    # The first row is overwritten by 7, then 0 and 7 are added.
    assert stored == {f"of a test {i}": 14 if twice and not i else 2 * i for i in range(count)}


@pytest.mark.parametrize(
    ("column", "value"),
    [("at", after(1).replace(tzinfo=None)), ("values", {"a": float("nan")})],
    ids=["naive time", "NaN"],
)
def test_a_value_that_the_store_refuses_is_refused(spine: Spine, column: str, value: object) -> None:
    for rows in (1, MANY):
        with spine.store.write() as connection, pytest.raises(ValueError, match=r"naive|JSON"):
            insert(connection, t.reading, [row | {column: value} for row in _rows(t.reading, rows)])


@pytest.mark.parametrize("count", [3, MANY])
def test_of_rows_that_are_there_none_is_inserted(spine: Spine, count: int) -> None:
    rows = _rows(t.reading, count)
    with spine.store.write() as connection:
        insert(connection, t.reading, rows[:1])
    with pytest.raises(StoreError, match=r"(?i)unique"), spine.store.write() as connection:
        insert(connection, t.reading, rows)
    with spine.store.read() as connection:
        assert len(_stored(connection, t.reading)) == 1


@pytest.mark.parametrize("count", [3, MANY])
def test_further_columns_have_a_value_for_each_row(spine: Spine, count: int) -> None:
    rows = [{name: value for name, value in row.items() if name != "arrival"} for row in _rows(t.reading, count)]
    with spine.store.write() as connection:
        insert(connection, t.reading, rows, {"arrival": range(7, 7 + count)})
        arrivals = [row["arrival"] for row in _stored(connection, t.reading)]
    assert arrivals == list(range(7, 7 + count))


@pytest.mark.postgres
def test_a_connection_that_is_lost_while_rows_are_copied_is_an_error_and_the_next_one_works(postgres_url: str) -> None:
    store = open_store(postgres_url)

    def copy_after_the_connection_is_ended() -> None:
        with store.write() as connection:
            own = connection.scalar(sa.select(sa.func.pg_backend_pid()))
            with store.read() as other:
                other.execute(sa.select(sa.func.pg_terminate_backend(own)))
            insert(connection, t.reading, _rows(t.reading, MANY))

    try:
        with pytest.raises(StoreError) as caught:
            copy_after_the_connection_is_ended()
        assert caught.value.reason is StoreReason.UNREACHABLE
        with store.write() as connection:
            insert(connection, t.reading, _rows(t.reading, MANY))
    finally:
        store.close()


def test_no_rows_are_no_statement(spine: Spine) -> None:
    with spine.store.write() as connection:
        for write in (insert, insert_new, upsert):
            write(connection, t.reading, [])


def test_a_status_is_stored_as_its_word(spine: Spine) -> None:
    with spine.store.write() as connection:
        insert(connection, t.outbox, [_rows(t.outbox)[0] | {"status": OutboxStatus.SENT}])
        words = connection.execute(sa.text("SELECT status FROM outbox")).scalars().all()
    assert words == [OutboxStatus.SENT.value]
