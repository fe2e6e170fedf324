"""HTML safe from injection: whatever is not made by `tag` is escaped."""

from __future__ import annotations

import base64
import hashlib
from html import escape

from exporters.html.stylesheet import STYLESHEET


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


NO_IMAGES, OWN_IMAGES = "data:", "'self' data:"
"""From where a page may load images: from itself only, or from its server too."""
_VOID = frozenset({"meta", "link", "input", "br", "img"})


def policy(style: str, images: str = NO_IMAGES) -> str:
    """The Content-Security-Policy of a self-contained page: no scripts, no requests, only this stylesheet.

    `images`: where images may come from; by default only from the page itself.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src {images}; form-action 'self'; base-uri 'none'"


CONTENT_SECURITY_POLICY = f"{policy(STYLESHEET, OWN_IMAGES)}; frame-ancestors 'none'"
"""The policy of the pages that the server sends."""


def tag(name: str, /, *children: str, **attributes: str) -> Html:
    """An element; children and attribute values are escaped unless they are `Html`. `class_` stands for `class`."""
    attrs = "".join(f' {key.rstrip("_").replace("_", "-")}="{_escaped(value)}"' for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{attrs}>")
    content = "".join(child if isinstance(child, Html) else _escaped(child) for child in children)
    return Html(f"<{name}{attrs}>{content}</{name}>")


def page(title: str, *body: str, style: str = STYLESHEET, images: str = NO_IMAGES, refresh: int = 0) -> str:
    """A self-contained document. Its policy is part of it, so it also applies to a saved file.

    `refresh`: after how many seconds a browser loads it again; 0 for never.
    """
    again = [tag("meta", http_equiv="refresh", content=str(refresh))] if refresh else []
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy(style, images)),
        *again,
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("title", f"{title} · Gatewatch"),
        Html(f"<style>{style}</style>"),
    )
    return Html("<!doctype html>") + tag("html", head, tag("body", tag("main", *body)), lang="en")


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]], empty: str) -> Html:
    """A table that scrolls if it is too wide, and on a phone is a card a row; without rows, the text `empty`."""
    if not rows:
        return tag("p", empty, class_="muted")
    head = tag("thead", tag("tr", *(tag("th", text, scope="col") for text in heads)))
    body = tag("tbody", *(tag("tr", *_cells(heads, row)) for row in rows))
    return tag("div", tag("table", head, body), class_="wide")


def _cells(heads: tuple[str, ...], row: tuple[str, ...]) -> list[Html]:
    """Each cell with the head of its column, which a card shows beside it."""
    return [tag("td", cell, data_head=head) for head, cell in zip(heads, row, strict=True)]


def chip(status: str, text: str = "") -> Html:
    """A status as a coloured word; colour is never the only cue."""
    return tag("span", (text or status).replace("_", " "), class_=f"chip {status}")


def _escaped(text: str) -> str:
    # A lone surrogate cannot be sent as UTF-8.
    return escape(text.encode("utf-8", "replace").decode("utf-8"))
