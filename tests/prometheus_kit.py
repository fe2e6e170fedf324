"""A real Prometheus in a temporary folder on a loopback port, and what tests ask it. Skips where there is none."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from waits import HANGS, until

_LISTENING = re.compile(r'msg="Listening on" address=127\.0\.0\.1:(\d+)')


def binary(name: str) -> str:
    """The path of a program; skips the test where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on PATH")
    return found


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running server."""

    url: str
    client: httpx.Client

    def get(self, path: str, **parameters: Any) -> Any:
        """The data of an answer of the HTTP API; a refused question fails the test with what was said."""
        answer = self.client.get(f"{self.url}/api/v1/{path}", params=parameters)
        said = answer.json()
        assert said["status"] == "success", f"{parameters}: {said['error']}"
        return said["data"]

    def query(self, expr: str, at: datetime | None = None) -> list[dict[str, Any]]:
        """The series that an expression gives at an instant."""
        when = {} if at is None else {"time": at.timestamp()}
        data = self.get("query", query=expr, **when)
        return [{"metric": {}, "value": data["result"]}] if data["resultType"] == "scalar" else data["result"]

    def query_range(self, expr: str, start: datetime, end: datetime, step: timedelta) -> list[dict[str, Any]]:
        """The series that an expression gives from `start` to `end`, both included."""
        times = {"start": start.timestamp(), "end": end.timestamp(), "step": step.total_seconds()}
        found: list[dict[str, Any]] = self.get("query_range", query=expr, **times)["result"]
        return found

    def label_values(self, selector: str, label: str) -> list[str]:
        """What Grafana's `label_values(selector, label)` asks."""
        found: list[str] = self.get(f"label/{label}/values", **{"match[]": selector})
        return found


@contextmanager
def prometheus(
    folder: Path,
    scrape: Mapping[str, Sequence[str]] | None = None,
    *flags: str,
    every: str = "1s",
    config_text: str | None = None,
) -> Iterator[Prometheus]:
    """Prometheus with its data in `folder`/data, scraping each job's addresses, or as a whole configuration says."""
    program = binary("prometheus")
    jobs = [{"job_name": job, "static_configs": [{"targets": list(at)}]} for job, at in (scrape or {}).items()]
    config = folder / "prometheus.yml"
    made = yaml.safe_dump({"global": {"scrape_interval": every}, "scrape_configs": jobs})
    config.write_text(made if config_text is None else config_text)
    log = folder / "prometheus.log"
    # Port 0: the system gives a free one, so that no other process can take it in between.
    command = (
        program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0", *flags,
    )  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=folder)
    try:
        port = until(lambda: _port(process, log), "Prometheus listens")
        with httpx.Client(timeout=HANGS) as client:
            server = Prometheus(f"http://127.0.0.1:{port}", client)
            until(lambda: client.get(f"{server.url}/-/ready").status_code == 200, "Prometheus is ready")
            yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> str | None:
    text = log.read_text(errors="replace")
    assert process.poll() is None, text
    found = _LISTENING.search(text)
    return found.group(1) if found else None
