"""Tables of many plants in a folder: Delta where a table has a log, else Parquet; whole tables of results, written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from monitor.engine.pieces.packing import SITE
from monitor.errors import UsageError

if TYPE_CHECKING:
    from deltalake import DeltaTable

Format = Literal["delta", "parquet"]
_ROWS = 100_000


def delta_library() -> Any:
    """The library that reads and writes Delta tables; UsageError where it is not installed."""
    try:
        import deltalake
    except ImportError:
        raise UsageError(
            "Delta tables need the package deltalake: pip install deltalake; or give a folder of Parquet files"
        ) from None
    return deltalake


def is_delta(url: str) -> bool:
    """Whether a table has a Delta log. A URL of an object store is one; a folder is looked at."""
    return "://" in url or (Path(url) / "_delta_log").is_dir()


def table_url(url: str, name: str) -> str:
    """Where a table of a folder of tables is."""
    return f"{url.rstrip('/')}/{name}"


def delta_table(url: str) -> DeltaTable:
    """A Delta table; UsageError if it cannot be opened."""
    library = delta_library()
    try:
        table: DeltaTable = library.DeltaTable(url)
    except (OSError, library.exceptions.DeltaError) as exc:
        first = str(exc).splitlines()[0]
        raise UsageError(f"{url} cannot be opened as a Delta table: {first}; expected a table that exists") from exc
    return table


def open_table(url: str, name: str) -> ds.Dataset:
    """One of the tables of a folder; UsageError if it is not there or has no column `site`."""
    place = table_url(url, name)
    if is_delta(place):
        found = delta_table(place).to_pyarrow_dataset()
    elif any(Path(place).rglob("*.parquet")):
        # The names of folders such as site=berlin are a column; as text, for a plant may be called 7.
        by_site = any(Path(place).glob(f"{SITE}=*"))
        hive = ds.partitioning(pa.schema([(SITE, pa.string())] if by_site else []), flavor="hive")
        found = ds.dataset(place, format="parquet", partitioning=hive)
    else:
        raise UsageError(f"{place}: no table there; expected a Delta table or a folder of Parquet files of that name")
    if SITE not in found.schema.names:
        has = ", ".join(sorted(found.schema.names))
        raise UsageError(f"{place} has no column {SITE!r}, by which plants are told apart; it has {has}")
    return found


def has_table(url: str, name: str) -> bool:
    """Whether a folder has a table of that name; UsageError if Delta tables cannot be read here."""
    place = table_url(url, name)
    if "://" in place:
        delta_library()
        with suppress(UsageError):
            delta_table(place)
            return True
        return False
    return is_delta(place) or any(Path(place).rglob("*.parquet"))


class SiteRows:
    """A table by plant: which of its files have rows of which, so that a plant is read without opening the others'."""

    def __init__(self, table: ds.Dataset) -> None:
        self._schema = table.schema
        self._files: dict[str, list[ds.Fragment]] = {}
        for file in table.get_fragments():
            for site in _sites_in(file, table.schema):
                self._files.setdefault(site, []).append(file)

    @property
    def sites(self) -> Collection[str]:
        """The plants with rows."""
        return self._files.keys()

    def of(self, site: str) -> pa.Table:
        """The rows of a plant; none if it has none."""
        wanted = ds.field(SITE) == pa.scalar(site).cast(self._schema.field(SITE).type)
        tables = [file.to_table(schema=self._schema, filter=wanted) for file in self._files.get(site, ())]
        return pa.concat_tables(tables) if tables else self._schema.empty_table()


def _sites_in(file: ds.Fragment, schema: pa.Schema) -> set[str]:
    sites: set[str] = set()
    for batch in file.to_batches(schema=schema, columns=[SITE]):
        sites |= set(pa.compute.unique(batch.column(0).cast(pa.string())).to_pylist())
    return sites - {None}


def half_place(url: str) -> str | None:
    """Where what is not whole yet is kept: in the folder itself, which is made; None (the system's place) for a URL."""
    if "://" in url:
        return None
    try:
        Path(url).mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise UsageError(f"{url} cannot be made: {exc.strerror or exc}; name another folder") from exc
    return url


def write_tables(
    url: str, results: Iterable[tuple[str, pa.Table]], schemas: Mapping[str, pa.Schema], form: Format
) -> dict[str, int]:
    """Replace tables of results, each whole, by rows that come piece by piece; how many rows each has.

    Tables without rows are written too. They are gathered in files first, so that memory stays small and a failure
    leaves the old tables as they were.
    """
    with TemporaryDirectory(dir=half_place(url), prefix=".half-") as folder:
        rows = _gather(Path(folder), results, schemas)
        for name in schemas:
            _put(Path(folder) / f"{name}.parquet", table_url(url, name), form)
    return rows


def _gather(folder: Path, results: Iterable[tuple[str, pa.Table]], schemas: Mapping[str, pa.Schema]) -> dict[str, int]:
    rows = dict.fromkeys(schemas, 0)
    writers = {name: pq.ParquetWriter(folder / f"{name}.parquet", schema) for name, schema in schemas.items()}
    try:
        for name, table in results:
            writers[name].write_table(table)
            rows[name] += len(table)
    finally:
        for writer in writers.values():
            writer.close()
    return rows


def _put(file: Path, url: str, form: Format) -> None:
    if form == "delta":
        reader = pa.RecordBatchReader.from_batches(pq.read_schema(file), _batches(file))
        delta_library().write_deltalake(url, reader, mode="overwrite", schema_mode="overwrite")
        return
    Path(url).mkdir(exist_ok=True)
    file.replace(Path(url) / "rows.parquet")


def _batches(file: Path) -> Iterator[pa.RecordBatch]:
    yield from pq.ParquetFile(file).iter_batches(_ROWS)
