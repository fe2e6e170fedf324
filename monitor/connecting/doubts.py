"""What of a source works, but can hardly be meant: no rows, many refused, columns without a number, times of 1970,
pass/fail texts without codes, foreign serials, units that contradict each other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from monitor.connecting.preview import Preview, share, value_columns
from monitor.model import RejectReason
from monitor.plant.messages import join_names
from monitor.plant.plant import Plant
from monitor.plant.sources import OutcomeSource, ReadingSource, SourceBase, ValueColumn
from monitor.sources.typed.columns import numbers, to_text

Cells = Mapping[str, object]
MOST_CODES = 20
"""Different texts in a column of numbers up to which they are taken for codes."""
_SERIALS = 50
_FEWEST = 10
"""Rows from which on a share of them says something."""
_MANY = 0.05
"""Share of refused rows above which they are not just a few bad ones; SourceRowsRefused fires later."""
_OLDEST = datetime(1980, 1, 1, tzinfo=UTC)
_PASS = ("ok", "io", "pass", "passed", "good", "gut", "true", "ja", "yes")


def doubts(
    seen: Preview, config: SourceBase, rows: Sequence[Cells], of_parts: Callable[[Collection[str]], bool | None]
) -> Iterator[str]:
    """Sentences of warning on a source.

    `of_parts`: whether any of some serials is in a source of part steps; None if that cannot be said.
    """
    if not rows:
        if not seen.problem:
            lead = f"source {seen.source!r}: it has no rows yet, so nothing is watched"
            yield f"{lead}; if it should have, correct the table"
        return
    many = seen.rows >= _FEWEST and seen.refused > _MANY * seen.rows
    if (many or not seen.accepted) and not seen.problem:
        yield f"source {seen.source!r}: {share(seen)}; correct the mapping, see gatewatch preview"
    if seen.newest is not None and seen.newest < _OLDEST:
        yield (
            f"source {seen.source!r}: its newest row is of {seen.newest:%Y-%m-%d}; correct the column or the unit of "
            "its times (at.epoch, available_at.epoch)"
        )
    for cell in seen.unread:
        if cell.rows == seen.accepted >= _FEWEST:
            yield f"source {seen.source!r}: no row has a number in {cell.column}: {cell.sentence()}; correct its column"
    for key, column in value_columns(config):
        codes = texts_without_codes(column, [row[column.column] for row in rows])
        if codes:
            example = ", ".join(f'"{code}": {number}' for code, number in proposed_codes(codes).items())
            yield (
                f"source {seen.source!r}: {column.column} holds texts such as {join_names(codes)}, which are no "
                f"numbers; say what they mean by codes, such as {key}.codes: {{{example}}}"
            )
    if isinstance(config, OutcomeSource):
        yield from _foreign(seen, config, rows, of_parts)


def other_units(name: str, config: SourceBase, plant: Plant) -> Iterator[str]:
    """Sentences on readings whose unit is that of no machine's sensor of this name, where both are said."""
    for sensor, column in config.values.items() if isinstance(config, ReadingSource) else ():
        units = {m.sensors[sensor].unit for m in plant.machines.values() if sensor in m.sensors} - {""}
        if column.unit and units and column.unit not in units:
            yield (
                f"source {name!r}: values.{sensor}.unit is {column.unit}, but the sensor's is "
                f"{join_names(sorted(units))}; convert the numbers by scale and offset, or correct the unit: it is not "
                "computed with"
            )


def _foreign(
    seen: Preview, config: OutcomeSource, rows: Sequence[Cells], of_parts: Callable[[Collection[str]], bool | None]
) -> Iterator[str]:
    serials = list(dict.fromkeys(text for row in rows if (text := to_text(row[config.serial]))))[:_SERIALS]
    if serials and of_parts(serials) is False:
        yield (
            f"source {seen.source!r}: of its newest {len(serials)} serials, such as {serials[0]!r}, none is in a "
            "source of kind part_steps; correct `serial`, or write both alike in a view"
        )


def texts_without_codes(column: ValueColumn, cells: Sequence[object]) -> tuple[str, ...]:
    """The different words in a column, if they are most of its cells and so few that they are codes."""
    _, faults = numbers(cells, column)
    words = {to_text(cells[i]) for i, reason in faults.items() if reason is RejectReason.NOT_A_NUMBER}
    words = {word for word in words if word and not any(c.isdigit() for c in word)}
    filled = sum(1 for cell in cells if cell is not None)
    return (
        tuple(sorted(words))
        if 2 * sum(to_text(cells[i]) in words for i in faults) > filled and len(words) <= MOST_CODES
        else ()
    )


def proposed_codes(codes: Sequence[str]) -> dict[str, int]:
    """0 for what reads as passed, 1 for the others."""
    return {code: 0 if "".join(filter(str.isalpha, code.lower())) in _PASS else 1 for code in codes}
