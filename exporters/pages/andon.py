"""The screen of a line in the hall: what is wrong, where, since when and what to do, readable from five metres."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alerting.specs.roster import BY_NAME
from exporters.html.html import Html, page, policy, tag
from exporters.metrics.shared.metric import Bounds
from exporters.metrics.shared.snapshot import AlertRow, MetricsSnapshot
from exporters.pages.clock import Clock
from exporters.pages.status import firing, old_data

REFRESH_SECONDS = 10
MOST_TOLD, MOST_NAMED = 2, 2
"""Alerts that fit on the screen with what to do, and those that fit by name besides; of further ones the number."""
_CALL = "Call plant IT. What is below may be out of date."

STYLE = """
* { box-sizing: border-box; }
html { background: #06090c; color: #f4f7fa; font: 600 2.3vw/1.25 system-ui, sans-serif; color-scheme: dark; }
body { margin: 0; } main { min-height: 100vh; padding: 1.6vw 2.2vw; display: flex; flex-direction: column; gap: 1.4vw; }
header { display: flex; justify-content: space-between; color: #aeb9c4; font-variant-numeric: tabular-nums; }
h1 { font-size: 2.6vw; margin: 0; overflow-wrap: anywhere; }
article { border-left: 1.2vw solid #8a94a0; padding: .2vw 0 .2vw 1.6vw; }
article.critical, article.no-data { border-color: #ff4d4f; } article.warning { border-color: #ffb020; }
article.good { border-color: #3ecf7a; }
article h2 { font-size: 3.5vw; line-height: 1.12; margin: 0 0 .5vw; overflow-wrap: anywhere; overflow: hidden;
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; }
article.no-data h2, article.good h2 { font-size: 6vw; }
.critical h2, .no-data h2 { color: #ff8a8a; } .warning h2 { color: #ffd27d; } .good h2 { color: #8ff0b8; }
p { margin: 0; overflow-wrap: anywhere; } .since { color: #cdd6de; } .more { color: #aeb9c4; overflow: hidden;
  white-space: nowrap; text-overflow: ellipsis; }
@media (max-width: 46rem) { html { font-size: 1.15rem; } h1 { font-size: 1.3rem; } article h2 { font-size: 1.5rem; }
  article.no-data h2, article.good h2 { font-size: 2.4rem; }
  article h2 { -webkit-line-clamp: 6; } .more { white-space: normal; } main { padding: .9rem; gap: .9rem; } }
"""
ANDON_POLICY = f"{policy(STYLE)}; frame-ancestors 'none'"
"""The policy that the server sends with this page."""


def andon_page(line: str, snapshot: MetricsSnapshot, bounds: Bounds) -> str:
    """The screen of a line. Where the data are old it says so first, and never that all is well."""
    clock = Clock(snapshot.at, bounds.plant.time_zone)
    old = old_data(snapshot, bounds, clock)
    alerts = [alert for alert in firing(snapshot) if alert.line == line]
    told = MOST_TOLD - bool(old)
    shown = [_no_data(old)] if old else []
    shown += [_alert(alert, bounds, clock) for alert in alerts[:told]]
    shown += [tag("p", text, class_="more") for text in _named(alerts[told:], bounds, clock)]
    head = tag("header", tag("h1", line), tag("span", clock.local(snapshot.at)))
    return page(line, head, *(shown or _well(line, snapshot, bounds, clock)), style=STYLE, refresh=REFRESH_SECONDS)


def _no_data(why: str) -> Html:
    return tag(
        "article", tag("h2", "NO DATA"), tag("p", f"{why[:1].upper()}{why[1:]}."), tag("p", _CALL), class_="no-data"
    )


def _alert(alert: AlertRow, bounds: Bounds, clock: Clock) -> Html:
    action = BY_NAME[alert.name].action if alert.name in BY_NAME else ""
    since = (
        f"{_where(alert, bounds)} · {alert.severity} since {clock.local(alert.since)}, {clock.ago_text(alert.since)}"
    )
    todo = [tag("p", f"Do: {action}")] if action else []
    what = alert.summary or alert.name
    return tag("article", tag("h2", f"{what[:1].upper()}{what[1:]}"), tag("p", since, class_="since"), *todo,
               class_=alert.severity)  # fmt: skip


def _named(alerts: Sequence[AlertRow], bounds: Bounds, clock: Clock) -> Iterator[str]:
    """Further alerts, a line each, and how many there are besides."""
    for alert in alerts[:MOST_NAMED]:
        yield f"Also {alert.name}: {_where(alert, bounds)} · {alert.severity} since {clock.local(alert.since)}"
    if len(alerts) > MOST_NAMED:
        yield f"and {len(alerts) - MOST_NAMED} more"


def _where(alert: AlertRow, bounds: Bounds) -> str:
    """The subject, with its step where that is another name."""
    plant = bounds.plant
    thing = plant.machines.get(alert.subject) or plant.gates.get(alert.subject)
    return f"{alert.subject} at {thing.step}" if thing and thing.step != alert.subject else alert.subject


def _well(line: str, snapshot: MetricsSnapshot, bounds: Bounds, clock: Clock) -> Iterator[Html]:
    """That no alert fires, and how new that is; without any part of the line it is not said to be well."""
    steps = [name for name, step in bounds.plant.steps.items() if step.line == line]
    newest = max((snapshot.newest_parts[name] for name in steps if name in snapshot.newest_parts), default=None)
    if newest is None:
        yield tag("article", tag("h2", "NO DATA"), tag("p", "No part of this line has come yet."), class_="no-data")
    else:
        newest_part = tag("p", f"Newest part {clock.ago_text(newest)}", class_="since")
        yield tag("article", tag("h2", "No alert"), newest_part, class_="good")
