"""The stack's own files as processes: PostgreSQL, MLflow, Gatewatch, Alertmanager and Prometheus work together.

Not under Docker, which the machines that test this do not have, and without Grafana; docs/how-to/stack.md says what
that leaves open.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import sqlalchemy as sa
import yaml
from compose import ROOT, Stack, free_port
from plant_kit import NO_TRAINING, make_plant
from waits import HANGS, until

pytestmark = [pytest.mark.process, pytest.mark.soak]  # near: the generated files, the compose file, the webhook

LISTENING = {"postgres": 5432, "mlflow": 5000, "gatewatch": 9464, "alertmanager": 9093, "prometheus": 9090}
PROGRAMS = {"prometheus": ("prometheus",), "alertmanager": ("prometheus-alertmanager", "alertmanager")}


def program(service: str) -> str:
    """The program of a service; skips where it is not installed."""
    found = next(filter(None, map(shutil.which, PROGRAMS[service])), None)
    if found is None:
        pytest.skip(f"{service} is not on PATH (looked for {', '.join(PROGRAMS[service])})")
    return found


@pytest.fixture(scope="module")
def stack(postgres_server: sa.URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All of it, up and healthy."""
    if shutil.which("psql") is None:
        pytest.skip("psql is not on PATH")
    programs = {service: [program(service)] for service in PROGRAMS}
    folder = tmp_path_factory.mktemp("stack")
    subprocess.run(["sh", ROOT / "alerting/stack/prepare.sh", folder / "made"], check=True, capture_output=True)
    shutil.copytree(make_plant(folder / "demo", 1.0).parent, folder / "made" / "plant", dirs_exist_ok=True)
    ports = {service: free_port() for service in LISTENING} | {"postgres": int(postgres_server.port or 0)}
    made = Stack(folder, folder / "made" / "secrets", folder / "made" / "plant", ports, LISTENING)
    for service in LISTENING:
        (folder / service).mkdir()
    try:
        make_databases(made, postgres_server)
        made.wait("postgres")
        made.start("mlflow", ["sh", ROOT / "alerting/stack/mlflow.sh"])
        made.wait("mlflow")
        # What a person may add to the command: here, not to train, and to tell at once.
        more = [f"--set={setting}" for setting in (*NO_TRAINING, "notify.every=2s", "alerts.every=1s")]
        made.start("gatewatch", [sys.executable, "-m", "monitor.cli"], more)
        made.wait("gatewatch")
        for service in ("alertmanager", "prometheus"):
            made.start(service, programs[service])
            made.wait(service)
        yield made
    finally:
        made.close()
        drop_databases(postgres_server)


def make_databases(stack: Stack, server: sa.URL) -> None:
    """Run the script that the image runs on an empty volume."""
    environment = os.environ | {
        "POSTGRES_USER": str(server.username), "PGHOST": str(server.host), "PGPORT": str(server.port),
        "PGPASSWORD": str(server.password), "SECRETS": str(stack.secrets),
    }  # fmt: skip
    script = ROOT / "alerting/stack/postgres-init.sh"
    done = subprocess.run([script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def drop_databases(server: sa.URL) -> None:
    """Leave the server to the other tests as it was."""
    with psycopg.connect(
        host=server.host, port=server.port, user=server.username, password=server.password, dbname="postgres",
        autocommit=True,
    ) as connection:  # fmt: skip
        for database, role in (("gatewatch", "gatewatch_store"), ("mlflow", "mlflow")):
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")  # type: ignore[call-overload]
            connection.execute(f"DROP ROLE IF EXISTS {role}")  # type: ignore[call-overload]


def ask(stack: Stack, service: str, path: str, **headers: str) -> Any:
    """What a service answers, as JSON."""
    answer = httpx.get(f"http://127.0.0.1:{stack.ports[service]}{path}", headers=headers, timeout=HANGS, verify=False)
    assert answer.status_code == 200, answer.text
    return answer.json()


def gatewatch(stack: Stack, *arguments: str) -> Any:
    """A command on the plant of the stack, its answer as JSON."""
    return json.loads(run(stack, *arguments, "--json"))


def run(stack: Stack, *arguments: str) -> str:
    """A command on the plant of the stack, what it says."""
    settings = [str(part) for part in stack.services["gatewatch"]["command"] if str(part).startswith("--set")]
    plant = ["-p", str(stack.plant / "plant.yaml")]
    command = [sys.executable, "-m", "monitor.cli", *arguments, *plant]
    command += [stack.natively(setting, "gatewatch") for setting in settings]
    environment = stack.environment("gatewatch")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_prometheus_scrapes_gatewatch(stack: Stack) -> None:
    def up() -> bool:
        targets = ask(stack, "prometheus", "/api/v1/targets")["data"]["activeTargets"]
        return bool(targets) and all(target["health"] == "up" for target in targets)

    until(up, "every target is up")


def test_the_rules_are_loaded_and_all_can_be_evaluated(stack: Stack) -> None:
    text = (ROOT / "alerting/generated/alerts.rules.yml").read_text(encoding="utf-8")
    wanted = [
        rule.get("alert") or rule["record"] for group in yaml.safe_load(text)["groups"] for rule in group["rules"]
    ]

    def rules() -> list[dict[str, Any]]:
        groups = ask(stack, "prometheus", "/api/v1/rules")["data"]["groups"]
        found = [rule for group in groups for rule in group["rules"]]
        return found if found and all(rule["health"] != "unknown" for rule in found) else []

    found = until(rules, "the rules were evaluated")
    assert [rule["name"] for rule in found] == wanted
    assert {rule["health"] for rule in found} == {"ok"}


def test_an_alert_goes_from_prometheus_through_alertmanager_into_gatewatch_and_its_log(stack: Stack) -> None:
    def told() -> list[dict[str, Any]]:
        return [row for row in gatewatch(stack, "alerts", "list", "--all") if row["name"] == "Watchdog"]

    (row,) = until(told, "the Watchdog is in the alert table")
    assert (row["origin"], row["state"]) == ("prometheus", "firing")
    assert ask(stack, "prometheus", "/api/v1/alertmanagers")["data"]["activeAlertmanagers"]
    log = stack.plant / "notifications.jsonl"
    until(lambda: log.exists() and "Watchdog" in log.read_text(encoding="utf-8"), "the log tells of it")


def test_silences_of_alertmanager_and_shelves_agree(stack: Stack) -> None:
    def watchdog() -> list[str]:
        fires = [one["labels"] for one in ask(stack, "alertmanager", "/api/v2/alerts")]
        return [labels["subject"] for labels in fires if labels["alertname"] == "Watchdog"]

    (subject,) = until(watchdog, "Watchdog fires")
    api = f"http://127.0.0.1:{stack.ports['alertmanager']}/api/v2"

    def silences() -> list[tuple[str, str]]:
        found = [one for one in ask(stack, "alertmanager", "/api/v2/silences") if one["status"]["state"] == "active"]
        return [(one["createdBy"], one["comment"].partition(" [")[0]) for one in found]

    def shelved() -> list[dict[str, str]]:
        found: list[dict[str, str]] = ask(stack, "gatewatch", "/alarms?format=json")["shelved"]
        return found

    matchers = [{"name": "alertname", "value": "Watchdog", "isRegex": False}]
    now = datetime.now(UTC)
    times = {"startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat()}
    body = {**times, "matchers": matchers, "createdBy": "bob", "comment": "bearings"}
    made = httpx.post(f"{api}/silences", json=body, timeout=HANGS).json()
    (shelf,) = until(shelved, "the silence is shown as a shelf")
    assert (shelf["actor"], shelf["reason"], shelf["place"]) == ("bob", "bearings", "in Alertmanager")
    httpx.delete(f"{api}/silence/{made['silenceID']}", timeout=HANGS)
    until(lambda: not shelved(), "it is over")

    about, by = ("Watchdog", subject), ("--by", "ann")
    run(stack, "alerts", "shelve", *about, *by, "--for", "8h", "--reason", "a trial")
    until(lambda: silences() == [("ann", "a trial")], "the shelf is a silence")
    run(stack, "alerts", "unshelve", *about, *by)
    until(lambda: not silences(), "it is ended")


def test_the_webhook_takes_nothing_without_the_token(stack: Stack) -> None:
    answer = httpx.post(f"http://127.0.0.1:{stack.ports['gatewatch']}/webhook/alertmanager", json={}, timeout=HANGS)
    assert answer.status_code == 401


def test_the_store_is_on_postgresql(stack: Stack) -> None:
    metrics = httpx.get(f"http://127.0.0.1:{stack.ports['gatewatch']}/metrics", timeout=HANGS).text
    runs = re.search(r'gatewatch_job_runs_total\{job_name="notify",result="success"\} ([0-9.e+]+)', metrics)
    assert runs is not None
    assert float(runs[1]) > 0
    assert not (stack.plant / "gatewatch.db").exists()


def test_mlflow_answers_under_its_name_in_the_stack_and_under_no_other(stack: Stack) -> None:
    url = f"http://127.0.0.1:{stack.ports['mlflow']}/api/2.0/mlflow/experiments/search"
    body = {"max_results": 1}
    host = f"127.0.0.1:{stack.ports['mlflow']}"
    assert httpx.post(url, json=body, headers={"Host": host}, timeout=HANGS).status_code == 200
    assert httpx.post(url, json=body, headers={"Host": "elsewhere.example"}, timeout=HANGS).status_code == 403


def test_no_secret_stands_in_what_the_services_say_or_in_their_arguments_and_variables(stack: Stack) -> None:
    secrets = [file.read_text() for file in stack.secrets.iterdir() if file.name != "notify_urls"]
    for service, process in stack.running.items():
        of_process = Path(f"/proc/{process.pid}")
        said = stack.log(service) + "".join(
            (of_process / place).read_text(errors="replace") for place in ("cmdline", "environ")
        )
        assert not [secret for secret in secrets if secret in said], service
