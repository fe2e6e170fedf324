"""A plant whose history ends now, and `gatewatch run` on it as a process of its own."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

from plant_kit import GATES, NO_PICTURES, NO_TRAINING
from waits import HANGS, T, until

from monitor.plant.file.load import load
from monitor.simulator.feed import Feed
from monitor.simulator.history import simulate


def live_plant(folder: Path, *overrides: str, hours: float = 1.0) -> Path:
    """A plant file and its sources, with slots every second and a history that ends now."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC).replace(microsecond=0)
    history = simulate(5, now - timedelta(hours=hours), hours / 24, commissioning_parts=300)
    with Feed(history, f"sqlite:///{folder}/mes.db", f"sqlite:///{folder}/historian.db") as feed:
        feed.create()
        feed.advance(now)
    file = folder / "plant.yaml"
    file.write_text(files("monitor.simulator").joinpath("plant.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    fast = [f"sources.{name}.every=1s" for name in load(file).plant.sources]
    live = [*(f"gates.{gate}.since={history.start.isoformat()}" for gate in GATES), *NO_PICTURES]
    fixed = (*NO_TRAINING, "store.lease=2s", "write_back.every=1s", "alerts.every=1s", f"server.port={free_port()}")
    file.write_text(load(file, (*fast, *live, *fixed, *overrides)).text, encoding="utf-8")
    return file


def heard(condition: Callable[[], T], what: str) -> T:
    """Wait for what the service answers: to make its metrics takes longer than to look at them."""
    return until(condition, what, pause=0.2)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def url_of(plant: Path) -> str:
    """Where the service answers."""
    return f"http://127.0.0.1:{load(plant).plant.server.port}"


def get(url: str, accept: str = "*/*") -> tuple[int, str]:
    """Status and body; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept}), timeout=HANGS) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as refused:
        return int(refused.code), refused.read().decode()
    except OSError:
        return 0, ""


def ready(plant: Path) -> bool:
    """Whether the service says that it works."""
    status, body = get(f"{url_of(plant)}/readyz")
    return status == 200 and bool(json.loads(body)["ready"])


def metric(plant: Path, series: str) -> float | None:
    """The value of one series as /metrics tells it."""
    return metrics(plant).get(series)


def metrics(plant: Path) -> dict[str, float]:
    """All that /metrics tells at once."""
    lines = [line for line in get(f"{url_of(plant)}/metrics")[1].splitlines() if line and not line.startswith("#")]
    return {series: float(value) for series, _, value in (line.rpartition(" ") for line in lines)}
