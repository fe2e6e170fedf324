"""Reads a plant's rows from files that never change: pages in the order in which rows became known, keys, strays."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from monitor.errors import SourceError, SourceReason, UsageError
from monitor.instants import from_micros, to_micros
from monitor.model import Page, Reject, RejectReason, RowKey
from monitor.plant.messages import suggestion
from monitor.plant.plant import Plant
from monitor.plant.sources import SourceBase, TimeColumn, ValueColumn
from monitor.sources.lake.blocks import Block, joined_blocks
from monitor.sources.lake.fragments import Bounds, Cells, Damage, Fragment, Loaded, Log
from monitor.sources.typed.arrays import UNREADABLE
from monitor.sources.typed.columns import text_column
from monitor.sources.typed.kept import KeptRows
from monitor.sources.typed.keys import WrittenKeys, typed_keys
from monitor.sources.typed.plan import Plan, make_plan
from monitor.sources.typed.rows import reject_rows, type_columns
from monitor.sources.typed.times import Times, needs_zone, read_times

COMMITTED = "_commit_timestamp"
"""The column that every lake source has: when a row was committed or its file handed over, as Delta's own feed says."""
_CELLS = 6_000_000
"""Cells of fragments that are kept for the next page."""
_MANY = 20
"""Rows of which one must have a time that can be read."""
_MAX_NAMES = 30
_BOUNDS = 100_000
"""Fragments whose times are remembered."""

MakeLog = Callable[[Sequence[str]], Log]
"""Makes the log of a source, given the names of its columns of numbers."""


_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")


def _alone(
    method: Callable[Concatenate[LakeSource, _Given], _Answer],
) -> Callable[Concatenate[LakeSource, _Given], _Answer]:
    """One call at a time: jobs of several threads ask the same source, and what was loaded is kept between calls."""

    @wraps(method)
    def locked(self: LakeSource, /, *args: _Given.args, **kwargs: _Given.kwargs) -> _Answer:
        with self._lock:
            return method(self, *args, **kwargs)

    return locked


class LakeSource:
    """Rows of a Delta table or of a folder's files, as `monitor.ports.Source`.

    Without a mapped `available_at`, a row became known with its commit or file: what comes later has a later place, so
    that only new files are read and none is ever missed. With one, its column says so, as in a table over SQL.
    """

    def __init__(self, name: str, config: SourceBase, plant: Plant, make_log: MakeLog) -> None:
        self._name = name
        self._committed = config.available_at is None or config.available_at.column == COMMITTED
        if config.available_at is None and config.delay:
            raise UsageError(
                f"source {name!r}: remove `delay`: rows of files become known when they are committed or handed over, "
                "or map `available_at`"
            )
        if self._committed:
            known = TimeColumn(column=COMMITTED, epoch="us")
            config = config.model_copy(update={"available_at": known})
        self._config = config
        self._plan, self._skew = make_plan(config, plant), plant.clock_skew
        self.kept = KeptRows(self._plan, self._skew)
        self._texts = [name for name in self._plan.key_columns if name != config.at.column]
        self._read_columns = [column for column in self._plan.columns if column != COMMITTED]
        self._log = make_log(_numbers(self._plan))
        self._inspected = False
        self._lock = threading.RLock()
        self._cache: OrderedDict[str, Loaded] = OrderedDict()
        self._bounds: OrderedDict[tuple[str, str], Bounds | None] = OrderedDict()

    @property
    def key(self) -> tuple[str, ...]:
        """The names of what makes a row unique."""
        return self._plan.key

    @_alone
    def verify(self) -> list[str]:
        """Compare the columns of the files with the plant file; SourceError names one that is missing."""
        self._inspected = False
        self._inspect()
        return []

    @_alone
    def close(self) -> None:
        """Forget what was loaded."""
        self._cache.clear()

    @_alone
    def read(
        self,
        after: datetime | None,
        until: datetime,
        limit: int,
        members: Sequence[str] | None = None,
        now: datetime | None = None,
    ) -> Page:
        """About `limit` rows that became known in (after, until], oldest first; see `monitor.ports.Source`."""
        self._inspect()
        low, high = None if after is None else to_micros(after), to_micros(until)
        block, more = self._gather(low, high, max(limit, 1), members)
        known = block.places.micros
        reached = [int(known.max())] if len(known) else []
        reached += [place for place, _ in block.damaged] if self._committed else []
        position = from_micros(max(reached)) if reached else after
        return self._page(block, position, more, now or until)

    @_alone
    def read_hour(self, start: datetime, end: datetime, until: datetime) -> Page:
        """Every row that happened in [start, end) and was known by `until`, in the order of `read`."""
        self._inspect()
        return self._page(self._of_hour(start, end, until, self._plan.columns), None, False, until)

    @_alone
    def hour_keys(self, start: datetime, end: datetime, until: datetime) -> Mapping[RowKey, str]:
        """The keys of the rows that `read_hour` returns, each with its quarantine text; not without a time."""
        self._inspect()
        names = self._plan.key_columns
        block = self._of_hour(start, end, until, names)
        timeless = {*block.at.faults, *block.places.faults}
        rows = zip(*(block.columns[name] for name in names), strict=True)
        cells = [dict(zip(names, row, strict=True)) for i, row in enumerate(rows) if i not in timeless]
        return WrittenKeys(dict(zip(typed_keys(cells, self._plan), cells, strict=True)), self._plan)

    @_alone
    def strays(self, until: datetime, limit: int) -> Page:
        """At most `limit` rows that no `read` returns, as rejects: without a place, after `until`, of no member."""
        self._inspect()
        latest = to_micros(until + self._skew)
        rejects: list[Reject] = []
        for fragment in self._log.state(None):
            if len(rejects) >= limit:
                break
            if self._committed and not self._config.partitions and fragment.known <= latest:
                continue
            block = self._block(fragment, self._plan.columns)
            rejects += [self._damaged(damage) for _, damage in block.damaged]
            reasons = self._stray_reasons(block, latest)
            rows = sorted(reasons)[: limit - len(rejects)]
            rejects += self._rejects(block, rows, [reasons[i] for i in rows])
        empty = self._page(joined_blocks([], self._plan.columns), None, False, until)
        return replace(empty, rejects=tuple(rejects), read=len(rejects))

    @_alone
    def newest(self, limit: int, serials: Collection[str] | None = None) -> list[dict[str, object]]:
        """At most `limit` rows as they are, newest first; those without a time last."""
        self._inspect()
        serial = getattr(self._config, "serial", None)
        found: list[tuple[int, int, dict[str, object]]] = []
        fragments = self._log.state(None)
        latest = {fragment.name: self._bounds_of(fragment, self._cursor)[1] for fragment in fragments}
        for fragment in sorted(fragments, key=lambda f: -latest[f.name]):
            if len(found) == limit and found[-1][0] > latest[fragment.name]:
                break
            block = self._block(fragment, self._plan.columns)
            for i in np.lexsort((block.at.micros, block.places.micros))[::-1].tolist():
                if serials is None or serial is None or str(block.columns[serial][i]) in serials:
                    row = {name: block.columns[name][i] for name in self._plan.columns}
                    found.append((int(block.places.micros[i]), int(block.at.micros[i]), row))
                    if len(found) % limit == 0:
                        break
            found = sorted(found, key=lambda one: one[:2], reverse=True)[:limit]
        return [row for _, _, row in found]

    # Rows -------------------------------------------------------------------------------------------------------------

    @property
    def _cursor(self) -> TimeColumn:
        return self._config.available_at or self._config.at

    def _gather(self, after: int | None, until: int, limit: int, members: Sequence[str] | None) -> tuple[Block, bool]:
        """The next rows in order of place, with all of the last one's place, and whether there are more."""
        fragments = self._log.changes(after, until) if self._committed else self._log.state(None)
        wanted = []
        for fragment in fragments:
            low, high = self._bounds_of(fragment, self._cursor)
            damaged = not self._committed and (after is None or fragment.known > after) and fragment.known <= until
            if (low <= until and (after is None or high > after)) or damaged:
                wanted.append((low, fragment))
        wanted.sort(key=lambda pair: pair[0])
        blocks: list[Block] = []
        rows, cut, more = 0, until, False
        for low, fragment in wanted:
            if low > cut:
                more = True
                break
            block = self._within(self._block(fragment, self._plan.columns), after, until, members)
            blocks.append(block)
            rows += len(block)
            if rows >= limit:
                cut = min(cut, _nth([b.places.micros for b in blocks], limit))
        gathered = joined_blocks(blocks, self._plan.columns)
        inside = gathered.places.micros <= cut
        more = more or not bool(inside.all())
        return gathered.ordered(np.flatnonzero(inside), self._texts), more

    def _within(self, block: Block, after: int | None, until: int, members: Sequence[str] | None) -> Block:
        places = block.places.micros
        chosen = (places != UNREADABLE) & (places <= until)
        damaged = [pair for pair in block.damaged if pair[0] <= until]
        if after is not None:
            chosen &= places > after
            damaged = [pair for pair in damaged if pair[0] > after]
        member = self._plan.member
        if members is not None and member is not None and member.column is not None:
            names = text_column(block.columns[member.column], member.codes)
            chosen &= np.isin(np.array(names, dtype=object), list(members))
        rows = np.flatnonzero(chosen)
        if len(rows) < len(block):
            block = block.take(rows.tolist())
        return Block(block.columns, block.at, block.places, damaged)

    def _of_hour(self, start: datetime, end: datetime, until: datetime, names: Sequence[str]) -> Block:
        low, high, latest = to_micros(start), to_micros(end), to_micros(until)
        names = list(dict.fromkeys([*names, self._config.at.column, self._cursor.column]))
        blocks = []
        for fragment in self._log.state(latest if self._committed else None):
            first, last = self._bounds_of(fragment, self._config.at)
            if first >= high or last < low:
                continue
            block = self._block(fragment, names)
            at, places = block.at.micros, block.places.micros
            rows = np.flatnonzero((at >= low) & (at < high) & (places != UNREADABLE) & (places <= latest))
            blocks.append(block.take(rows.tolist()))
        gathered = joined_blocks(blocks, names)
        return gathered.ordered(np.arange(len(gathered)), self._texts)

    def _block(self, fragment: Fragment, names: Sequence[str]) -> Block:
        """The rows of a fragment with the given columns, which include those of the times."""
        loaded = self._loaded(fragment, [name for name in names if name != COMMITTED])
        columns = dict(loaded.columns)
        columns[COMMITTED] = [fragment.known] * len(loaded)
        at = self._times(fragment, columns, self._config.at)
        if self._committed:
            places = Times(np.full(len(loaded), fragment.known, np.int64), {})
        else:
            places = self._times(fragment, columns, self._cursor)
        return Block(columns, at, places, [(fragment.known, damage) for damage in loaded.damaged])

    def _times(self, fragment: Fragment, columns: Mapping[str, Cells], column: TimeColumn) -> Times:
        """The times of a column; UsageError if none of many can be read, which is the plant file's fault."""
        times = read_times(columns[column.column], column)
        if len(times.faults) == len(times.micros) >= _MANY:
            where = f"source {self._name!r}: column {column.column!r} of {fragment.name}"
            if RejectReason.AMBIGUOUS_TIME in times.faults.values() and column.zone is None:
                raise needs_zone(where)
            raise UsageError(
                f"{where} has no time that can be read, such as {columns[column.column][0]!r}; set `epoch` to s, ms, "
                "us or ns for numbers, or `format` for how text is written"
            )
        readable = times.micros[times.micros != UNREADABLE]
        bounds = (int(readable.min()), int(readable.max())) if len(readable) else None
        self._bounds[fragment.name, column.column] = bounds
        while len(self._bounds) > _BOUNDS:
            self._bounds.popitem(last=False)
        return times

    def _loaded(self, fragment: Fragment, names: Sequence[str]) -> Loaded:
        """The columns of a fragment, which the next page may want again."""
        kept = self._cache.get(fragment.name)
        if kept is not None and all(name in kept.columns for name in names):
            self._cache.move_to_end(fragment.name)
            return kept
        loaded = fragment.load(list(names))
        self._cache[fragment.name] = loaded
        while len(self._cache) > 1 and sum(len(one) * len(one.columns) for one in self._cache.values()) > _CELLS:
            self._cache.popitem(last=False)
        return loaded

    def _bounds_of(self, fragment: Fragment, column: TimeColumn) -> Bounds:
        """The lowest and highest readable time (us) of a column; a span of nothing where none is."""
        if column.column == COMMITTED:
            return fragment.known, fragment.known
        key = (fragment.name, column.column)
        if key not in self._bounds:
            stated = fragment.bounds(column.column) if column.epoch is None and column.format is None else None
            if stated is None:
                self._block(fragment, self._plan.columns)  # whole, as what lies within is wanted next
            else:
                self._bounds[key] = stated
        return self._bounds[key] or (2**62, -(2**62))

    def _page(self, block: Block, position: datetime | None, more: bool, now: datetime) -> Page:
        typed = type_columns(block.columns, self._plan, now, self._skew, block.places)
        page = typed.page(self._plan, position, more, len(block) + len(block.damaged))
        return replace(page, rejects=(*page.rejects, *(self._damaged(damage) for _, damage in block.damaged)))

    def _damaged(self, damage: Damage) -> Reject:
        where = json.dumps(dict(damage.where), sort_keys=True)
        row = {**{name: str(value) for name, value in damage.where.items()}, "found": damage.found[:500]}
        return Reject(RejectReason.DAMAGED, where, None, row, dict.fromkeys(self._plan.columns))

    def _stray_reasons(self, block: Block, latest: int) -> dict[int, RejectReason]:
        """By row without a place that `read` reaches, or of no member of the plant file, why."""
        ahead = np.flatnonzero(block.places.micros > latest).tolist()
        reasons = {**dict.fromkeys(ahead, RejectReason.AHEAD_OF_CLOCK), **block.places.faults}
        reasons = {i: reason for i, reason in reasons.items() if i in ahead or block.places.micros[i] == UNREADABLE}
        member = self._plan.member
        if self._config.partitions and member is not None and member.column is not None:
            names = text_column(block.columns[member.column], member.codes)
            listed = {name for names in self._config.partitions.values() for name in names}
            for i, name in enumerate(names):
                if name not in listed and name not in (member.allowed or ()):
                    reasons.setdefault(i, member.reason)
        return reasons

    def _rejects(self, block: Block, rows: Sequence[int], reasons: Sequence[RejectReason]) -> Iterator[Reject]:
        cells = [[block.columns[name][i] for name in self._plan.columns] for i in rows]
        return iter(reject_rows(cells, self._plan, reasons))

    def _inspect(self) -> None:
        if self._inspected:
            return
        present = list(self._log.columns())
        missing = [name for name in self._read_columns if name not in present] if present else []
        if missing:
            advice = suggestion(missing[0], present)
            raise SourceError(
                f"source {self._name!r} ({self._config.url}, {self._config.table}) has no column "
                f"{', '.join(map(repr, missing))}; existing: {', '.join(present[:_MAX_NAMES])}{advice}; "
                "correct the mapping",
                SourceReason.MISSING_COLUMN,
            )
        self._inspected = bool(present)


def _numbers(plan: Plan) -> list[str]:
    """The columns that hold nothing but numbers of the plan's values."""
    values: list[ValueColumn] = [column for _, column in plan.values] + ([plan.value] if plan.value else [])
    plain = {v.column for v in values if v.image is None and v.vector is None and not v.codes}
    others = {v.column for v in values} - plain
    texts = {spec.column for spec in plan.all_texts} | {plan.visit, plan.config.at.column}
    return sorted(plain - others - texts)


def _nth(places: Sequence[NDArray[np.int64]], n: int) -> int:
    """The n-th lowest place, from 1."""
    every = np.concatenate(places)
    return int(np.partition(every, n - 1)[n - 1])
