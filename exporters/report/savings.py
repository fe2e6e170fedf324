"""What the gates saved, in the report: a table of gates and months, and the value of stopping at each step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from exporters.html.html import Html, table, tag
from exporters.html.svg import block, label, polyline, round_values
from exporters.report.elements import collapsed, legend, plot
from exporters.report.values import LineMonth, PlantReport, SavedMonth, StopAt, Wrong

_GATE_HEADS = (
    "gate", "cost avoided", "90 % interval", "parts", "stopped", "false scraps", "escapes", "corrected", "worked",
    "waiting",
)  # fmt: skip
_STEP_HEADS = ("step", "value", "failed parts", "would have saved", "gates stopped")


def savings_section(report: PlantReport) -> list[Html]:
    """Each month with its gates and curves; nothing where no gate has costs."""
    if not report.savings:
        return [tag("p", "No gate with costs was summed up in this period.", class_="muted")]
    elements: list[Html] = []
    for month in dict.fromkeys(one.month for one in report.savings):
        gates = [one for one in report.savings if one.month == month]
        said = said_of(gates)
        elements += [tag("h3", f"{month:%B %Y}"), tag("p", f"{said[:1].upper()}{said[1:]}.", class_="muted")]
        heads, *rows = month_rows(gates)
        elements.append(table(tuple(head.capitalize() for head in heads), rows, ""))
        for curve in (one for one in report.curves if one.month == month):
            elements += _curve(curve)
    return elements


def said_of(gates: Sequence[SavedMonth]) -> str:
    """What holds for all gates of a month: when it was summed up, and what is not in the figures yet."""
    waiting, unseen, unpriced = (sum(getattr(one, name) for one in gates) for name in ("waiting", "unseen", "unpriced"))
    at = max(one.at for one in gates)
    said = [f"as known at {at:%Y-%m-%d %H:%M} UTC"]
    if len(gates) > 1:
        said.append(f"all gates avoided {money(sum(one.avoided for one in gates))}")
    if waiting or unseen:
        said.append("preliminary")
    if waiting:
        said.append(f"waiting for an outcome or a disposition, and not in the cost avoided: {waiting}")
    if unseen:
        said.append(f"went on without an outcome so far, so that more escapes may come to be known: {unseen}")
    if unpriced:
        said.append(f"decided before the gate had costs, and not in the cost avoided: {unpriced}")
    return "; ".join(said)


def month_rows(gates: Iterable[SavedMonth]) -> list[tuple[str, ...]]:
    """A table: the heads, and a row for each gate."""
    return [
        _GATE_HEADS,
        *(
            (one.gate, money(one.avoided), f"{money(one.lower)} to {money(one.upper)}", str(one.parts),
             str(one.stopped), _wrong(one.false_scraps, one.scrapped), _wrong(one.escapes, one.continued),
             str(one.corrected), _worked(one), str(one.waiting))
            for one in gates
        ),
    ]  # fmt: skip


def curve_rows(curve: LineMonth) -> list[tuple[str, ...]]:
    """A table: the heads, and a row for each step."""
    return [
        _STEP_HEADS,
        *(
            (stop.step, money(stop.value), f"{stop.parts:.1f}".removesuffix(".0"), money(stop.saved), _caught(stop))
            for stop in curve.stops
        ),
    ]  # fmt: skip


def money(value: float) -> str:
    """A sum of money without digits after the point.

    >>> money(-1234567.8), money(0.2)
    ('-1,234,568', '0')
    """
    return f"{value:,.0f}".replace("-0", "0") if abs(value) < 1 else f"{value:,.0f}"


def _caught(stop: StopAt) -> str:
    return f"{stop.caught} ({', '.join(stop.gates)})" if stop.gates else "no gate"


def _wrong(wrong: Wrong, parts: int) -> str:
    """Known ones, and by the audit all of them with bounds."""
    if wrong.total is None or wrong.lower is None or wrong.upper is None:
        return f"{wrong.known} known" if parts else "0"
    return f"{wrong.total:.0f} ({wrong.lower:.0f} to {wrong.upper:.0f})"


def _worked(one: SavedMonth) -> str:
    return f"{one.worked} of {one.worked + one.failed}" if one.worked + one.failed else "-"


_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 960.0, 210.0, 72.0, 26.0, 44.0


def _curve(curve: LineMonth) -> Iterable[Html]:
    title = f"Line {curve.line}: what stopping every failed part after a step would have saved"
    yield legend([("line", "would have saved"), ("dot-gate", "a step with a gate, and how many parts it stopped")])
    yield plot(title, _chart(curve, title))
    heads, *rows = curve_rows(curve)
    yield collapsed("as a table", table(tuple(head.capitalize() for head in heads), rows, ""))


def _chart(curve: LineMonth, title: str) -> Html:
    """A line over the steps, in the order of the line."""
    stops = curve.stops
    width = max(_WIDTH, _LEFT + 96.0 * len(stops))
    low, high = min(0.0, *(stop.saved for stop in stops)), max(1.0, *(stop.saved for stop in stops))
    room = (width - _LEFT) / len(stops)

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    drawn: list[Html] = []
    for value in round_values(low, high, 4):
        at = f"{y(value):.1f}"
        drawn.append(tag("line", x1=f"{_LEFT:g}", x2=f"{width:g}", y1=at, y2=at, class_="grid"))
        drawn.append(label(_LEFT - 6, y(value) + 4, f"{value:,.0f}", "label", "end"))
    points = [(_LEFT + (place + 0.5) * room, y(stop.saved)) for place, stop in enumerate(stops)]
    drawn.append(polyline(points, "line"))
    for (x, top), stop in zip(points, stops, strict=True):
        class_ = "dot-gate" if stop.gates else "dot"
        drawn.append(block(x - 4, top - 4, 8, 8, class_, f"{stop.step}: {money(stop.saved)}; {_caught(stop)}"))
        drawn.append(label(x + 8, top - 7, money(stop.saved)))
        drawn.append(label(x, _HEIGHT - 24, stop.step, "label", "middle"))
        if stop.gates:
            drawn.append(label(x, _HEIGHT - 9, f"{stop.caught} stopped", "label", "middle"))
    said = tag("title", title), tag("desc", "A line over the steps; the table below has the numbers.")
    return tag("svg", *said, *drawn, viewBox=f"0 0 {width:g} {_HEIGHT:g}", role="img")
