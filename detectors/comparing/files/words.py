"""A comparison in words: what drifted, by how much, in which slices, and what the mix explains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from detectors.comparing.columns import Compared, Judged, Mix, Settings, Verdict
from detectors.comparing.files.reading import Files
from exporters.html.formatting import aligned, escape_controls

MOST_LISTED = 10
MOST_ROWS = 30
HEADS = ("column", "method", "value", "by chance", "false share", "mix", "where")
_RIGHT = (2, 3, 4)


def words(files: Files, compared: Compared, settings: Settings) -> Iterator[str]:
    """Lines for a person."""
    names = [escape_controls(str(path)) for path in files.paths]
    yield f"{names[0]} ({files.rows[0]:,} rows), {names[1]} ({files.rows[1]:,} rows): {_columns(len(files.columns))}"
    yield f"verdict      {verdict(files, compared)}"
    for other, said in ((Verdict.DRIFT, "drift"), (Verdict.EXPLAINED, "explained"), (Verdict.SMALL, "small")):
        found = compared.of(other)
        if found:
            yield from ("", heading(other, files))
            rows = [HEADS, *(row(judged, files) for judged in found[:MOST_ROWS])]
            yield from (f"  {line}" for line in aligned([[escape_controls(cell) for cell in r] for r in rows], _RIGHT))
        if len(found) > MOST_ROWS:
            yield f"  and {len(found) - MOST_ROWS} more {said}; --json has them all"
    lines = [f"{name:<12} {escape_controls(text)}" for name, text in others(files, compared, settings)]
    yield from ("", *lines)


def verdict(files: Files, compared: Compared) -> str:
    """The comparison in a sentence."""
    drifted = {judged.column.name for judged in compared.of(Verdict.DRIFT)}
    explained = {judged.column.name for judged in compared.of(Verdict.EXPLAINED)} - drifted
    total = len(files.columns)
    said = [f"DRIFT in {len(drifted)} of {_columns(total)}" if drifted else f"NO DRIFT in {_columns(total)}"]
    if explained:
        said.append(f"{len(explained)} changed as the mix of {escape_controls(files.labels.by)} explains")
    if files.types:
        said.append(f"{_columns(len(files.types))} of another type")
    gone = len(files.only[0])
    if gone:
        said.append(f"{_columns(gone)} missing from CURRENT")
    return "; ".join(said)


def heading(found: Verdict, files: Files) -> str:
    """What a list of a verdict is."""
    return {
        Verdict.DRIFT: "drift",
        Verdict.EXPLAINED: f"explained by the changed mix of {escape_controls(files.labels.by)}",
        Verdict.SMALL: "more than chance, and too small to be called drift",
    }[found]


def row(judged: Judged, files: Files) -> tuple[str, ...]:
    """A line of HEADS."""
    of_missing = judged.shares is not None
    usual = f"{judged.usual:.3g}" if judged.method.distance else ""
    if judged.shares is not None:
        value, usual = f"{judged.shares[0]:.1%} -> {judged.shares[1]:.1%}", f"{judged.usual:.1%}"
    else:
        value = "-" if judged.value is None else f"{'' if judged.method.distance else 'p '}{judged.value:.3g}"
    where = _where(judged)
    if judged.column.name == files.labels.by and not of_missing:
        where = shares_text(judged)
    return judged.column.name, judged.method.name, value, usual, f"{judged.adjusted:.2g}", _mix(judged.mix), where


def shares_text(judged: Judged) -> str:
    """The categories whose share changed most."""
    levels = judged.column.levels or ()
    parts = [part[part == part] for part in (judged.column.reference, judged.column.current)]
    changes = [(float((parts[0] == i).mean()), float((parts[1] == i).mean()), name) for i, name in enumerate(levels)]
    changes.sort(key=lambda change: -abs(change[0] - change[1]))
    return ", ".join(f"{name} {before:.0%} -> {now:.0%}" for before, now, name in changes[:3])


def others(files: Files, compared: Compared, settings: Settings) -> Iterator[tuple[str, str]]:
    """What else is to be said: a name and a text."""
    for option, names in zip(("REFERENCE", "CURRENT"), files.only, strict=True):
        if names:
            yield "only in", f"{option}: {_listed(names)}"
    for name, (before, now) in files.types.items():
        yield "type", f"{name}: {before} in REFERENCE, {now} in CURRENT"
    slices = [judged for judged in compared.of(Verdict.NONE) if _where(judged)]
    for judged in slices[:MOST_LISTED]:
        what = f"{judged.column.name} ({judged.method.name})"
        yield "slice", f"{what}: no drift of the whole, but {_where(judged)}"
    empty = [judged.column.name for judged in compared.of(Verdict.NO_DATA)]
    if empty:
        yield "no value", f"in one of the files: {_listed(empty)}"
    if files.left_out:
        yield "left out", _listed([f"{name} ({reason})" for name, reason in files.left_out.items()])
    units = f"whole lots ({files.lots})" if files.lots else "rows"
    yield (
        "chance",
        f"at most {settings.q:.0%} of what is called drift, over {compared.tests} tests, exchanging {units} between "
        f"both files" + ("" if files.lots else "; rows of one lot that are alike need --lots"),
    )


def _where(judged: Judged) -> str:
    drifted = sorted((s for s in judged.slices if s.drifted), key=lambda s: (s.adjusted, -(s.value or 0)))
    if not drifted:
        return ""
    if len(drifted) == len(judged.slices) > 1:
        return f"all {len(drifted)} slices"
    worst = ", ".join(f"{s.group} {'-' if s.value is None else f'{s.value:.2g}'}" for s in drifted[:3])
    return worst + (f" and {len(drifted) - 3} more" if len(drifted) > 3 else "")


def _mix(mix: Mix | None) -> str:
    if mix is None:
        return ""
    return "no group in both" if mix.remains is None else f"explains {mix.explained:.0%}"


def _columns(count: int) -> str:
    return f"{count} column{'' if count == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more
