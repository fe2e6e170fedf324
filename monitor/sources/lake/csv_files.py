"""CSV files: UTF-8, a header, and the separator that its header has."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from monitor.sources.lake.fragments import Damage, Loaded

_SEPARATORS = ",;\t|"


def names_of(path: Path) -> list[str]:
    """The names in the header; none of a file without a whole first line."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = file.readline()
    return _header(header) if header.endswith("\n") else []


def read(path: Path, names: Sequence[str], whole: bool) -> Loaded:
    """Columns of a file as text, None where a cell is empty; all empty where the file has no such column.

    A line with other than the header's number of cells is damage: its cells may have moved. Unless the file is
    `whole`, a last line without an end is still being written, and left for later.
    """
    text = path.read_text(encoding="utf-8-sig")
    if not whole:
        text = text[: text.rfind("\n") + 1]
    header_line, _, _ = text.partition("\n")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(header_line))
    header = [name.strip() for name in next(reader, [])]
    rows, damaged = [], []
    for cells in reader:
        if len(cells) == len(header):
            rows.append(cells)
        elif cells:
            line = _separator(header_line).join(cells)
            damaged.append(Damage({"file": path.name, "line": reader.line_num}, line))
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(header)
    of = dict(zip(header, columns, strict=True))
    empty = [None] * len(rows)
    return Loaded({name: [cell or None for cell in of[name]] if name in of else empty for name in names}, damaged)


def _header(line: str) -> list[str]:
    return [name.strip() for name in next(csv.reader([line], delimiter=_separator(line)), [])]


def _separator(header: str) -> str:
    """The mark that occurs most often in a header; a comma if none does."""
    return max(_SEPARATORS, key=lambda mark: (header.count(mark), mark == ","))
