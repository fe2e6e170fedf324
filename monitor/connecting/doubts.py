"""What of a source works, but can hardly be meant: nothing readable, pass/fail texts without codes, foreign serials."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from monitor.connecting.preview import Preview, share, value_columns
from monitor.model import RejectReason
from monitor.plant.messages import join_names
from monitor.plant.sources import OutcomeSource, SourceBase, ValueColumn
from monitor.sources.typed.columns import numbers, to_text

Cells = Mapping[str, object]
MOST_CODES = 20
"""Different texts in a column of numbers up to which they are taken for codes."""
_SERIALS = 50
_PASS = ("ok", "io", "pass", "passed", "good", "gut", "true", "ja", "yes")


def doubts(
    seen: Preview, config: SourceBase, rows: Sequence[Cells], of_parts: Callable[[Collection[str]], bool | None]
) -> Iterator[str]:
    """Sentences of warning on a source.

    `of_parts`: whether any of some serials is in a source of part steps; None if that cannot be said.
    """
    if not rows:
        return
    if not seen.accepted and not seen.problem:
        yield f"source {seen.source!r}: {share(seen)}; correct the mapping, see gatewatch preview"
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
