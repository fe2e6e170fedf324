"""The command that proves that alerts reach people."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from monitor.commands.shared.options import as_json, load, plant_option, print_json
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from monitor.drills.links import Seen
    from monitor.store.delivery.drills import Drill

_LOOK_EVERY = 0.5


@click.command()
@plant_option
@as_json
@click.option("--team", default="platform", show_default=True, help="The team that is told.")
def drill(plant: str, overrides: Sequence[str], json_: bool, team: str) -> None:
    """Let a marked alert go the whole way from a metric to people and back, and name the link that is broken.

    'gatewatch run' must be running. The metric is moved, the rule fires, the notification is routed and delivered, its
    links open, the alert ends and its end is told. The MES is never touched. Exit code 3 names the broken link.

    Example: gatewatch drill --team operators
    """
    from monitor.clock import WallClock
    from monitor.drills.running import begin, step, stop
    from monitor.store.database.schema import open_existing

    loaded, clock = load(plant, overrides), WallClock()
    store = open_existing(loaded.plant.store.url)
    begun = begin(store, team, False, clock.now())
    current = begun
    passed: list[tuple[str, float]] = []
    try:
        while current.finished_at is None:
            current, seen = step(store, loaded.plant, begun.id, clock.now())
            for link in _held(seen, current, {name for name, _ in passed}):
                passed.append((link, (clock.now() - begun.started_at).total_seconds()))
                if not json_:
                    click.echo(f"{link:8} holds after {passed[-1][1]:.1f} s")
            if current.finished_at is None:
                time.sleep(_LOOK_EVERY)
    finally:
        # Also when a person gives it up.
        if current.finished_at is None:
            stop(store, current, clock.now())
    if json_:
        print_json({"team": team, "broken": current.broken or None, "sentence": current.sentence or None,
                    "seconds": dict(passed)})  # fmt: skip
    if current.broken:
        raise MonitorError(f"the drill broke at {current.broken}: {current.sentence}")


def _held(seen: Seen, drill: Drill, before: set[str]) -> list[str]:
    """The links that hold now, in order, without those told `before`."""
    from monitor.drills.links import Link, waiting_for

    waiting = waiting_for(seen, drill.cleared_at is not None)
    order = list(Link)
    if drill.finished_at is not None and not drill.broken:
        until = len(order)
    elif waiting is None:
        until = order.index(Link.CLEARED)
    else:
        until = order.index(waiting.link)
    return [link.value for link in order[:until] if link.value not in before]
