"""Which column of a refused row is to blame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from monitor.model import RejectReason
from monitor.plant.sources import TimeColumn
from monitor.sources.typed.columns import numbers, text_column, visit_numbers
from monitor.sources.typed.images import images
from monitor.sources.typed.plan import Plan
from monitor.sources.typed.times import read_times
from monitor.sources.typed.vectors import vectors

Cells = Mapping[str, object]
_OF_VALUES = (RejectReason.NOT_A_NUMBER, RejectReason.INFINITE, RejectReason.BAD_IMAGE, RejectReason.BAD_VECTOR)
_OF_TIMES = (
    RejectReason.NO_TIME, RejectReason.IMPOSSIBLE_TIME, RejectReason.AMBIGUOUS_TIME, RejectReason.AHEAD_OF_CLOCK
)  # fmt: skip


def offending_column(cells: Cells, plan: Plan, reason: RejectReason) -> str:
    """The source's column because of which a row was refused; '' where it is no single one."""
    return next(_offending(cells, plan, reason), "")


def _offending(cells: Cells, plan: Plan, reason: RejectReason) -> Iterator[str]:
    if reason in _OF_VALUES:
        yield from _bad_values(cells, plan, reason)
    elif reason is RejectReason.UNKNOWN_CLASS and plan.value:
        yield plan.value.column
    elif reason in _OF_TIMES:
        yield from _bad_times(cells, plan)
    else:
        yield from _bad_texts(cells, plan, reason)


def _bad_values(cells: Cells, plan: Plan, reason: RejectReason) -> Iterator[str]:
    for column in (*(column for _, column in plan.values), *((plan.value,) if plan.value else ())):
        cell = (cells[column.column],)
        if column.image is not None:
            _, faults, _ = images(cell, column.image)
        else:
            _, faults = numbers(cell, column) if column.vector is None else vectors(cell, column)
        if faults.get(0) is reason:
            yield column.column


def _bad_times(cells: Cells, plan: Plan) -> Iterator[str]:
    columns = _time_columns(plan)
    yield from (column.column for column in columns if read_times((cells[column.column],), column).faults)
    yield columns[0].column  # readable, but ahead of the clock, or of another form than the rest of its column


def _time_columns(plan: Plan) -> tuple[TimeColumn, ...]:
    config = plan.config
    return (config.at, config.available_at) if config.available_at else (config.at,)


def _bad_texts(cells: Cells, plan: Plan, reason: RejectReason) -> Iterator[str]:
    for spec in plan.all_texts:
        if spec.column is None or spec.reason is not reason:
            continue
        (text,) = text_column((cells[spec.column],), spec.codes)
        unwanted = spec.required and not text if spec.allowed is None else text not in spec.allowed
        if unwanted or spec is plan.sensor:
            yield spec.column
    if reason is RejectReason.NO_KEY and plan.visit and visit_numbers((cells[plan.visit],))[1]:
        yield plan.visit
