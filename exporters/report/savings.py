"""What the gates saved, in the report: a table of gates and months, and the value of stopping at each step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from exporters.html.formatting import in_currency, money
from exporters.html.html import Html, table, tag
from exporters.html.svg import block, label, polyline, round_values
from exporters.report.elements import collapsed, legend, plot
from exporters.report.values import LineMonth, PlantReport, SavedMonth, StopAt, Wrong

_GATE_HEADS = (
    "gate", "cost avoided", "90 % interval", "parts", "stopped", "false scraps", "escapes", "corrected", "worked",
    "waiting",
)  # fmt: skip
_STEP_HEADS = ("step", "value", "failed parts", "would have saved", "gates stopped")
_MONEY = ("value", "would have saved")


def savings_section(report: PlantReport) -> list[Html]:
    """Each month with its gates and curves; nothing where no gate has costs."""
    if not report.savings:
        return [tag("p", "No gate with costs was summed up in this period.", class_="muted")]
    elements: list[Html] = []
    for month in dict.fromkeys(one.month for one in report.savings):
        gates = [one for one in report.savings if one.month == month]
        elements += [tag("h3", f"{month:%B %Y}"), tag("p", _sentence(said_of(gates, report.currency)), class_="muted")]
        heads, *rows = month_rows(gates, report.currency)
        elements.append(table(tuple(map(_capital, heads)), rows, ""))
        elements += (tag("p", _sentence(note), class_="muted") for note in too_few(gates))
        for curve in (one for one in report.curves if one.month == month):
            elements += _curve(curve, report.currency)
    return elements


def said_of(gates: Sequence[SavedMonth], currency: str) -> str:
    """What holds for all gates of a month: when it was summed up, and what is not in the figures yet."""
    waiting, unseen, unpriced = (sum(getattr(one, name) for one in gates) for name in ("waiting", "unseen", "unpriced"))
    at = max(one.at for one in gates)
    said = [f"as known at {at:%Y-%m-%d %H:%M} UTC"]
    if len(gates) > 1:
        said.append(f"all gates avoided {money(sum(one.avoided for one in gates), currency)}")
    if waiting or unseen:
        said.append("preliminary")
    if waiting:
        said.append(f"waiting for an outcome or a disposition, and not in the cost avoided: {waiting}")
    if unseen:
        said.append(f"went on without an outcome so far, so that more escapes may come to be known: {unseen}")
    if unpriced:
        said.append(f"decided before the gate had costs, and not in the cost avoided: {unpriced}")
    return "; ".join(said)


def month_rows(gates: Iterable[SavedMonth], currency: str) -> list[tuple[str, ...]]:
    """A table: the heads, and a row for each gate."""
    return [
        tuple(in_currency(head, currency) if head == "cost avoided" else head for head in _GATE_HEADS),
        *(
            (one.gate, money(one.avoided), f"{money(one.lower)} to {money(one.upper)}", str(one.parts),
             str(one.stopped), _wrong(one.false_scraps), _wrong(one.escapes),
             str(one.corrected), _worked(one), str(one.waiting))
            for one in gates
        ),
    ]  # fmt: skip


def curve_rows(curve: LineMonth, currency: str) -> list[tuple[str, ...]]:
    """A table: the heads, and a row for each step."""
    return [
        tuple(in_currency(head, currency) if head in _MONEY else head for head in _STEP_HEADS),
        *(
            (stop.step, money(stop.value), f"{stop.parts:.1f}".removesuffix(".0"), money(stop.saved), _caught(stop))
            for stop in curve.stops
        ),
    ]  # fmt: skip


def _caught(stop: StopAt) -> str:
    return f"{stop.caught} ({', '.join(stop.gates)})" if stop.gates else "no gate"


def _wrong(wrong: Wrong) -> str:
    """How many there are, with bounds where that is estimated; at least the known ones where nothing says so."""
    if wrong.estimate is None:
        return f"at least {wrong.known}"
    bounds = f" ({wrong.lower:.0f} to {wrong.upper:.0f})" if wrong.open and wrong.lower is not None else ""
    return f"{wrong.estimate:.0f}{bounds}"


def too_few(gates: Iterable[SavedMonth]) -> list[str]:
    """Of what the audit has inspected too few for an estimate: what is known, and what the audit says."""
    said: list[str] = []
    for one in gates:
        kinds = (("false scraps", one.false_scraps, one.scrapped), ("escapes", one.escapes, one.continued))
        said += [_too_few(f"{kind} of {one.gate}", of, parts) for kind, of, parts in kinds if of.estimate is None]
    return said


def _too_few(what: str, of: Wrong, parts: int) -> str:
    if of.lower is None or of.upper is None:
        return f"{what}: {of.known} known; the audit has inspected none of {parts} parts, so nobody knows how many more"
    said = f"the audit has inspected {of.inspected} of {parts} parts, too few to estimate"
    return f"{what}: {of.known} known; {said}; by what it found {of.lower:.0f} to {of.upper:.0f}"


def _worked(one: SavedMonth) -> str:
    return f"{one.worked} of {one.worked + one.failed}" if one.worked + one.failed else "-"


_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 960.0, 210.0, 72.0, 26.0, 44.0


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _sentence(text: str) -> str:
    return f"{_capital(text)}."


def _curve(curve: LineMonth, currency: str) -> Iterable[Html]:
    title = f"Line {curve.line}: what stopping every failed part after a step would have saved"
    yield legend([("line", "would have saved"), ("dot-gate", "a step with a gate, and how many parts it stopped")])
    yield plot(title, _chart(curve, title, currency))
    heads, *rows = curve_rows(curve, currency)
    yield collapsed("as a table", table(tuple(map(_capital, heads)), rows, ""))


def _chart(curve: LineMonth, title: str, currency: str) -> Html:
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
        drawn.append(
            block(x - 4, top - 4, 8, 8, class_, f"{stop.step}: {money(stop.saved, currency)}; {_caught(stop)}")
        )
        drawn.append(label(x + 8, top - 7, money(stop.saved)))
        drawn.append(label(x, _HEIGHT - 24, stop.step, "label", "middle"))
        if stop.gates:
            drawn.append(label(x, _HEIGHT - 9, f"{stop.caught} stopped", "label", "middle"))
    said = tag("title", title), tag("desc", "A line over the steps; the table below has the numbers.")
    return tag("svg", *said, *drawn, viewBox=f"0 0 {width:g} {_HEIGHT:g}", role="img")
