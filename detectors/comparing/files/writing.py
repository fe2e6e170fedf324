"""A comparison as JSON, and as a self-contained HTML page."""

from __future__ import annotations

from typing import Any

from detectors.comparing.columns import Compared, Judged, Settings, Verdict
from detectors.comparing.files.reading import Files
from detectors.comparing.files.words import HEADS, heading, others, row, verdict
from exporters.html.html import Html, chip, page, table, tag


def compared_json(files: Files, compared: Compared, settings: Settings) -> dict[str, Any]:
    """Everything, columns in the order of the reference."""
    return {
        "reference": {"file": str(files.paths[0]), "rows": files.rows[0]},
        "current": {"file": str(files.paths[1]), "rows": files.rows[1]},
        "drift": bool(compared.of(Verdict.DRIFT)), "q": settings.q, "tests": compared.tests,
        "by": files.labels.by or None, "lots": files.lots or None,
        "columns": [
            {
                "name": judged.column.name, "type": "numbers" if judged.column.levels is None else "categories",
                **_judged_json(judged),
                "missing": _judged_json(compared.missing[judged.column.name])
                if judged.column.name in compared.missing
                else None,
            }
            for judged in compared.values
        ],
        "only_in_reference": list(files.only[0]), "only_in_current": list(files.only[1]),
        "types": {name: {"reference": before, "current": now} for name, (before, now) in files.types.items()},
        "left_out": files.left_out, "notes": list(files.notes),
    }  # fmt: skip


def _judged_json(judged: Judged) -> dict[str, Any]:
    shares = judged.shares
    return {
        "method": judged.method.name, "verdict": judged.verdict.value,
        "values": {"reference": judged.rows[0], "current": judged.rows[1]},
        "value": judged.value, "is_distance": judged.method.distance,
        "distance": judged.distance, "distance_by_chance": judged.usual, "least": judged.method.least,
        "p": judged.p, "false_share": judged.adjusted,
        **({} if shares is None else {"shares": {"reference": shares[0], "current": shares[1]}}),
        "mix": None if judged.mix is None else {
            "explained": judged.mix.explained, "remains": judged.mix.remains, "p": judged.mix.p,
            "false_share": judged.mix.adjusted,
        },
        "slices": [
            {
                "group": s.group, "values": {"reference": s.rows[0], "current": s.rows[1]}, "value": s.value, "p": s.p,
                "false_share": s.adjusted, "drift": s.drifted,
            }
            for s in judged.slices
        ],
    }  # fmt: skip


def compared_page(files: Files, compared: Compared, settings: Settings) -> str:
    """The HTML: the verdict, a table of each, all columns."""
    drifted = bool(compared.of(Verdict.DRIFT))
    header = tag(
        "header",
        tag("h1", f"{files.paths[1].name} against {files.paths[0].name}"),
        chip("breach" if drifted else "ok", "drift" if drifted else "no drift"),
    )
    sections: list[Html] = [header, tag("p", verdict(files, compared))]
    for found in (Verdict.DRIFT, Verdict.EXPLAINED, Verdict.SMALL):
        rows = [row(judged, files) for judged in compared.of(found)]
        if rows:
            sections.append(_section(heading(found, files), table(HEADS, rows, "")))
    said: list[tuple[str, ...]] = [*others(files, compared, settings), *(("note", note) for note in files.notes)]
    sections.append(_section("besides", table(("", ""), said, "")))
    rest = [row(judged, files) for judged in (*compared.of(Verdict.NONE), *compared.of(Verdict.NO_DATA))]
    sections.append(_section("no drift", table(HEADS, rest, "every column changed")))
    return page(f"Drift of {files.paths[1].name}", *sections)


def _section(title: str, *body: Html) -> Html:
    return tag("section", tag("h2", title), *body)
