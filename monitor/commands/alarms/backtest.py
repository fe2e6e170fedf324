"""The command that asks how often alerts would have fired."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from exporters.html.formatting import aligned
from monitor.commands.alarms.alerts import alerts
from monitor.commands.shared.options import Interval, as_json, load, plant_option, print_json
from monitor.errors import MonitorError, UsageError

if TYPE_CHECKING:
    from alerting.alerts.budgets import Judgement, RuleCount
    from alerting.specs.spec import AlertSpec
    from monitor.plant.file.load import LoadedPlant
    from monitor.store.database.database import Connection
    from monitor.store.watching.backtests import Backtest

Truth = Mapping[str, "Judgement"]


@alerts.command("backtest")
@plant_option
@as_json
@click.option("--rule", "rules", multiple=True, metavar="NAME", help="Only this alert; may be given again.")
@click.option(
    "--since", default="90d", show_default=True, type=Interval(), help="How far back from the newest evaluation."
)
def alerts_backtest(plant: str, overrides: Sequence[str], json_: bool, rules: Sequence[str], since: timedelta) -> None:
    """Say how often each alert would have fired on what was recorded, with the rules as they are now and as --set says.

    Beside it stand how often it did fire, and where the truth is known, how often it was right and how soon. Exit with
    3 if one fires more often in a week than its budget (`alerts.budget`) allows.

    Example: gatewatch alerts backtest --since 30d --set alerts.change.DataDrift.limit=1.5
    """
    from alerting.alerts.budgets import counts
    from alerting.alerts.in_force import alerts_in_force
    from monitor.store.database.schema import open_existing
    from monitor.store.watching.backtests import replayed

    loaded = load(plant, overrides)
    specs = _asked(alerts_in_force(loaded.plant), rules)
    store = open_existing(loaded.plant.store.url)
    with store.read() as connection:
        found = replayed(connection, specs, since, loaded.plant.alerts.every)
        if found is None:
            raise MonitorError(_nothing(loaded))
        truth = _truth(connection, loaded, found)
    store.close()
    watched = found.until - found.after - found.unwatched
    rows = counts(specs, loaded.plant, found.episodes, found.fired, found.until, watched)
    if json_:
        print_json(_as_data(found, rows, truth))
    else:
        click.echo("\n".join(_lines(found, rows, truth, bool(rules))))
    over = [row for row in rows if row.is_over]
    if over:
        raise MonitorError("\n".join(map(_above, over)))


def _asked(specs: Sequence[AlertSpec], rules: Sequence[str]) -> list[AlertSpec]:
    """Those named, or all that are evaluated; UsageError for one that is not."""
    from monitor.plant.messages import unknown_name

    known = {spec.name: spec for spec in specs}
    for name in rules:
        if name not in known:
            raise UsageError(f"--rule: {unknown_name('alert', name, known)}")
        if not known[name].enabled:
            change = f"--set alerts.change.{name}.enabled=true"
            raise UsageError(f"--rule: the plant file disables {name}; see what it would do by {change}")
    return [spec for spec in specs if spec.enabled and (not rules or spec.name in rules)]


def _nothing(loaded: LoadedPlant) -> str:
    if loaded.plant.profile == "stack":
        return (
            "nothing that alerts read is on record: in profile stack Prometheus evaluates them; ask its metric ALERTS"
        )
    return (
        "nothing that alerts read is on record: 'gatewatch run', 'once' and 'replay' record it from now on, for "
        "store.retention.alert_readings; ask again after some days"
    )


def _truth(connection: Connection, loaded: LoadedPlant, found: Backtest) -> Truth:
    """What is known to have been wrong: in the folder of a demo, all of it."""
    from monitor.demo.backtests import judged_by_truth
    from monitor.demo.truth import read_truth

    truth = read_truth(loaded.path.parent)
    if truth is None:
        return {}
    return judged_by_truth(connection, loaded.plant, truth, found.episodes, found.after, found.until)


def _as_data(found: Backtest, rows: Sequence[RuleCount], truth: Truth) -> dict[str, object]:
    rules = [_rule_data(row, truth.get(row.rule)) for row in rows]
    return {"from": found.after, "to": found.until, "complete": found.complete, "evaluations": found.evaluations,
            "unwatched_seconds": found.unwatched.total_seconds(), "rules": rules}  # fmt: skip


def _rule_data(row: RuleCount, judged: Judgement | None) -> dict[str, object]:
    seconds = {f"{name}_seconds": getattr(row, name).total_seconds() for name in ("firing", "longest")}
    kept = {name: value for name, value in row._asdict().items() if name not in ("firing", "longest")}
    data = {**kept, **seconds, "over_budget": row.is_over}
    if judged is None:
        return data
    delay = None if judged.delay is None else judged.delay.total_seconds()
    counted = {name: value for name, value in judged._asdict().items() if name != "delay"}
    return {**data, "truth": {**counted, "delay_seconds": delay}}


_COUNTS = ("alert", "would fire", "fired", "firing", "longest", "a week", "budget")
_TRUTH = ("right", "faults found", "after")


def _lines(found: Backtest, rows: Sequence[RuleCount], truth: Truth, all_: bool) -> Iterator[str]:
    from alerting.notifications.languages.amounts import duration

    begins = "" if found.complete else "; before that nothing is on record"
    gaps = f"; none ran in {duration(found.unwatched)} of it" if found.unwatched else ""
    span = f"{found.after:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M} UTC"
    yield f"{span}, {found.evaluations} evaluations{gaps}{begins}"
    shown = [row for row in rows if all_ or row.episodes or row.fired or row.rule in truth]
    if shown:
        head = (*_COUNTS, *(_TRUTH if truth else ("", "", "")))
        yield from aligned([head, *(_cells(row, truth.get(row.rule)) for row in shown)], range(1, len(head)))
    if len(shown) < len(rows):
        yield f"{len(rows) - len(shown)} others would not have fired and did not"


def _cells(row: RuleCount, judged: Judgement | None) -> tuple[str, ...]:
    from alerting.notifications.languages.amounts import duration

    budget = "-" if row.budget is None else f"{row.budget:g}"
    times = (duration(row.firing), duration(row.longest)) if row.episodes else ("", "")
    counted = (row.rule, str(row.episodes), str(row.fired), *times, f"{row.weekly:.3g}", budget)
    if judged is None:
        return (*counted, "", "", "")
    right = f"{judged.right} of {judged.known}" if judged.known else ""
    meant = f"{judged.found} of {judged.meant}" if judged.meant else ""
    return (*counted, right, meant, "" if judged.delay is None else _signed(judged.delay))


def _signed(delay: timedelta) -> str:
    from alerting.notifications.languages.amounts import duration

    return duration(delay) if delay >= timedelta(0) else f"{duration(-delay)} before"


def _above(row: RuleCount) -> str:
    return (
        f"{row.rule} would fire {row.weekly:.3g} times a week ({row.episodes} in all), its budget is {row.budget:g}: "
        f"raise its limit or pending_for, or alerts.change.{row.rule}.budget"
    )
