"""The keys of rows, by our names."""

from __future__ import annotations

import json
from collections.abc import Iterator, KeysView, Mapping, Sequence

from monitor.model import RowKey
from monitor.sources.typed.columns import quarantine_text, text_column, visit_numbers
from monitor.sources.typed.plan import Plan
from monitor.sources.typed.times import Times, read_times

Cells = Mapping[str, object]
"""A row's cells by the source's columns."""


def typed_keys(rows: Sequence[Cells], plan: Plan) -> list[RowKey]:
    """The key of each row under the plan, in the order of `plan.key`; one that cannot be read is no accepted row's."""
    texts = {spec.name: spec for spec in plan.all_texts}
    columns: list[Sequence[object]] = []
    for name in plan.key:
        if name == "at":
            columns.append(_micros(read_times([cells[plan.config.at.column] for cells in rows], plan.config.at)))
        elif name == "visit":
            columns.append(visit_numbers([cells[str(plan.visit)] for cells in rows])[0])
        else:
            column = texts[name].column
            cells_of = [None if column is None else cells[column] for cells in rows]
            columns.append(text_column(cells_of, texts[name].codes))
    return list(zip(*columns, strict=True))


def written_key(cells: Cells, plan: Plan) -> str:
    """A row's key as the quarantine holds it: its key columns as JSON text."""
    return json.dumps({name: quarantine_text(cells[name]) for name in plan.key_columns}, sort_keys=True)


class WrittenKeys(Mapping[RowKey, str]):
    """The keys of rows, each with its quarantine text, which is written when it is asked for: nearly none is."""

    def __init__(self, rows: Mapping[RowKey, Cells], plan: Plan) -> None:
        self._rows, self._plan = rows, plan

    def __getitem__(self, key: RowKey) -> str:
        return written_key(self._rows[key], self._plan)

    def __iter__(self) -> Iterator[RowKey]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def keys(self) -> KeysView[RowKey]:
        """The keys, without their texts."""
        return self._rows.keys()


def _micros(times: Times) -> list[object]:
    return [None if i in times.faults else at for i, at in enumerate(times.micros.tolist())]
