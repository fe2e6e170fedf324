"""Markdown as HTML, as far as the runbooks use it: headings, paragraphs, lists, tables, code, links, emphasis."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from exporters.html.html import Html, table, tag

LinkTo = Callable[[str], str | None]
"""The URL of a link's target on the server; None where that has no page, so that only the text is shown."""

_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\*([^*]+)\*|\[([^\]]*)\]\(([^)\s]+)\)")
_HEADING = re.compile(r"(#{1,6}) +(.+)")
_ITEM = re.compile(r"(?:[-*]|[0-9]+\.) +(.*)")
_RULE = re.compile(r"\|(?: *:?-+:? *\|)+")


def markdown(text: str, link_to: LinkTo) -> list[Html]:
    """The blocks of a text, in order; everything in it is escaped."""
    lines = text.splitlines()
    found, at = [], 0
    while at < len(lines):
        block, at = _block(lines, at, link_to)
        found += block
    return found


def _block(lines: list[str], at: int, link_to: LinkTo) -> tuple[list[Html], int]:
    """The block that begins at a line, none for an empty one, and where the next begins."""
    line = lines[at]
    if not line.strip():
        return [], at + 1
    if line.startswith("```"):
        end = next((n for n in range(at + 1, len(lines)) if lines[n].startswith("```")), len(lines))
        return [tag("pre", tag("code", "\n".join(lines[at + 1 : end])))], end + 1
    if heading := _HEADING.fullmatch(line):
        return [tag(f"h{len(heading[1])}", *_inline(heading[2], link_to))], at + 1
    end = at + 1
    while end < len(lines) and lines[end].strip() and not (_begins(lines[end]) and not _same(line, lines[end])):
        end += 1
    own = lines[at:end]
    if line.startswith("|"):
        return [_table(own, link_to)], end
    if _ITEM.match(line):
        kind = "ol" if line[0].isdigit() else "ul"
        return [tag(kind, *(tag("li", *_inline(item, link_to)) for item in _items(own)))], end
    return [tag("p", *_inline(" ".join(own), link_to))], end


def _begins(line: str) -> bool:
    """Whether a line begins a block of another kind than a paragraph."""
    return line.startswith(("```", "|")) or bool(_HEADING.fullmatch(line) or _ITEM.match(line))


def _same(first: str, line: str) -> bool:
    """Whether a line goes on with the table or list that another one began."""
    return first[0] == line[0] == "|" or bool(_ITEM.match(first) and _ITEM.match(line))


def _items(lines: list[str]) -> Iterator[str]:
    """The items of a list; indented lines go on with the item before them."""
    item: list[str] = []
    for line in lines:
        found = _ITEM.match(line)
        if found and item:
            yield " ".join(item)
            item = []
        item.append(found[1] if found else line.strip())
    yield " ".join(item)


def _table(lines: list[str], link_to: LinkTo) -> Html:
    head, *rest = lines
    heads = tuple(cell.strip() for cell in _split(head))
    rows = [_cells(line, link_to) for line in rest if not _RULE.fullmatch(line.strip())]
    return table(heads, [(*row, *[""] * len(heads))[: len(heads)] for row in rows], "")


def _split(line: str) -> list[str]:
    return line.strip().removeprefix("|").removesuffix("|").split("|")


def _cells(line: str, link_to: LinkTo) -> tuple[str, ...]:
    return tuple(tag("span", *_inline(cell.strip(), link_to)) if cell.strip() else "" for cell in _split(line))


def _inline(text: str, link_to: LinkTo) -> Iterator[str]:
    """Text with code, emphasis and links; nothing is nested."""
    at = 0
    for found in _INLINE.finditer(text):
        yield text[at : found.start()]
        at = found.end()
        code, strong, emphasis, label, target = found.groups()
        if code is not None:
            yield tag("code", code)
        elif strong is not None:
            yield tag("strong", strong)
        elif emphasis is not None:
            yield tag("em", emphasis)
        else:
            url = link_to(target)
            yield label if url is None else tag("a", label, href=url)
    yield text[at:]
