"""docker-compose.yml keeps its promises: pinned, no root, health-checked, secrets as files, only Grafana published."""

from __future__ import annotations

import re
import stat
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose import FILE, ROOT, filled, mounts, read

COMPOSE = read()
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILES = sorted((ROOT / "alerting" / "stack").glob("*.Dockerfile"))
SECRETS = "/run/secrets/"
SERVICE_KEYS = {
    "build", "cap_drop", "command", "depends_on", "environment", "healthcheck", "image", "init", "logging", "mem_limit",
    "networks", "pids_limit", "ports", "read_only", "restart", "secrets", "security_opt", "shm_size",
    "stop_grace_period", "tmpfs", "user", "volumes",
}  # fmt: skip
"""What a service may say. What gives it more than it needs (privileged, cap_add, network_mode, pid) is not among it."""
_TAG = re.compile(r"[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?(-[a-z0-9.-]+)?(@sha256:[0-9a-f]{64})?")

each_service = pytest.mark.parametrize("name", SERVICES)


def test_the_services_are_those_of_the_stack() -> None:
    assert set(SERVICES) == {"postgres", "mlflow", "gatewatch", "alertmanager", "prometheus", "grafana"}
    assert set(COMPOSE) == {"name", "x-hardened", "services", "networks", "volumes", "secrets"}


@each_service
def test_a_service_says_only_what_is_known(name: str) -> None:
    assert set(SERVICES[name]) <= SERVICE_KEYS


@each_service
def test_its_image_is_pinned(name: str) -> None:
    assert _TAG.fullmatch(SERVICES[name]["image"])


@each_service
def test_it_is_no_root(name: str) -> None:
    user, group = filled(SERVICES[name]["user"]).split(":")
    assert int(user) > 0
    assert int(group) > 0 or name == "grafana"  # whose image gives its files to group 0


@each_service
def test_it_can_do_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert any(place.split(":")[0] == "/tmp" for place in service["tmpfs"])


@each_service
def test_it_has_limits(name: str) -> None:
    service = SERVICES[name]
    number, unit = re.fullmatch(r"(\d+)([mg])", service["mem_limit"]).groups()
    assert 128 <= int(number) * {"m": 1, "g": 1024}[unit] <= 4096
    assert 50 <= service["pids_limit"] <= 512
    assert service["logging"]["driver"] == "json-file"
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}


SPEAK = {
    ("gatewatch", "postgres"), ("mlflow", "postgres"), ("gatewatch", "mlflow"), ("alertmanager", "gatewatch"),
    ("gatewatch", "prometheus"), ("alertmanager", "prometheus"), ("grafana", "prometheus"),
}  # fmt: skip
"""Who speaks to whom: by the diagrams of the docs, and by the addresses in commands, variables and mounted files."""


def test_services_share_a_network_only_if_they_speak_to_each_other() -> None:
    networks = {name: set(SERVICES[name]["networks"]) for name in sorted(SERVICES)}
    assert {(a, b) for a, b in combinations(networks, 2) if networks[a] & networks[b]} == SPEAK


@each_service
def test_it_can_reach_every_service_that_it_names(name: str) -> None:
    service = SERVICES[name]
    text = yaml.safe_dump({key: service.get(key) for key in ("command", "environment")})
    for mount in mounts(service):
        if mount.bind and (ROOT / mount.source).is_file() and mount.source.endswith(".yml"):
            text += (ROOT / mount.source).read_text(encoding="utf-8")
    for other in {*re.findall(rf"\b({'|'.join(SERVICES)}):\d", text), *service.get("depends_on", {})} - {name}:
        assert tuple(sorted((name, other))) in SPEAK


def test_only_two_services_have_a_network_that_leads_out() -> None:
    out = {name for name, network in COMPOSE["networks"].items() if not (network or {}).get("internal")}
    assert out == {"plant", "edge"}
    assert {name for name, service in SERVICES.items() if out & set(service["networks"])} == {"gatewatch", "grafana"}
    assert {name for service in SERVICES.values() for name in service["networks"]} == set(COMPOSE["networks"])


@each_service
def test_it_is_asked_for_its_health(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} < set(check)


def test_only_what_people_look_at_is_published_and_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(published) == ["gatewatch", "grafana"]
    assert all(str(port).startswith("127.0.0.1:") for ports in published.values() for port in ports)


@each_service
def test_it_waits_until_what_it_needs_is_healthy(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        assert needed in SERVICES
        assert how == {"condition": "service_healthy"}


def test_no_service_waits_for_itself() -> None:
    """An order in which all can start."""
    started: set[str] = set()
    while len(started) < len(SERVICES):
        ready = {n for n, s in SERVICES.items() if set(s.get("depends_on", {})) <= started} - started
        assert ready, f"in a circle: {set(SERVICES) - started}"
        started |= ready


@each_service
def test_every_file_it_mounts_is_there_and_read_only(name: str) -> None:
    for mount in mounts(SERVICES[name]):
        if not mount.bind:
            assert mount.source in COMPOSE["volumes"]
        elif mount.target != "/plant":  # the plant's folder is the user's
            assert mount.read_only
            assert (ROOT / mount.source).exists()


@each_service
def test_a_volume_has_one_owner(name: str) -> None:
    for mount in mounts(SERVICES[name]):
        others = [n for n, s in SERVICES.items() for m in mounts(s) if m.source == mount.source and not m.bind]
        assert mount.bind or others == [name]


def test_no_volume_and_no_secret_is_left_over() -> None:
    assert set(COMPOSE["volumes"]) == {m.source for s in SERVICES.values() for m in mounts(s) if not m.bind}
    assert set(COMPOSE["secrets"]) == {secret for s in SERVICES.values() for secret in s.get("secrets", [])}


@each_service
def test_it_is_given_every_secret_that_it_reads_and_no_other(name: str) -> None:
    service = SERVICES[name]
    text = yaml.safe_dump({key: service.get(key) for key in ("command", "environment")})
    for mount in mounts(service):
        if mount.bind and (ROOT / mount.source).is_file():
            text += (ROOT / mount.source).read_text(encoding="utf-8")
    read_here = set(re.findall(rf"{SECRETS}(\w+)", text)) | set(re.findall(r"^database .* (\w+)$", text, re.MULTILINE))
    assert read_here == set(service.get("secrets", []))


def test_secrets_are_files_and_none_stands_in_the_open() -> None:
    for secret in COMPOSE["secrets"].values():
        assert set(secret) == {"file"}
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|SECRET", name):
                assert name.endswith("_FILE")
                assert str(value).startswith(SECRETS)
    assert not re.search(r"://[^@\s{$]*:[^@\s{$/]+@", FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_our_images_are_pinned_constrained_and_no_root(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    (base,) = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert _TAG.fullmatch(base)
    installs = [line for line in lines if re.search(r"pip install(?! --no-deps)", line)]
    assert installs
    assert all("-c " in line for line in installs)
    (user,) = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert int(user.split(":")[0]) > 0
    assert lines.index(f"USER {user}") > max(lines.index(line) for line in lines if line.startswith("RUN "))


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_what_our_images_copy_is_there_and_sent(file: Path) -> None:
    sent = [line[1:] for line in Path(f"{file}.dockerignore").read_text().splitlines() if line.startswith("!")]
    for line in file.read_text(encoding="utf-8").splitlines():
        words = [word for word in line.split() if not word.startswith("--")]
        for source in words[1:-1] if words[:1] == ["COPY"] else []:
            assert (ROOT / source).exists()
            assert source in sent


def test_the_images_that_we_build_have_their_dockerfiles() -> None:
    built = {name: service["build"] for name, service in SERVICES.items() if "build" in service}
    assert set(built) == {"gatewatch", "mlflow"}
    assert sorted(ROOT / build["dockerfile"] for build in built.values()) == DOCKERFILES


@pytest.mark.process
def test_what_is_run_can_be_run() -> None:
    for file in (ROOT / "alerting" / "stack").glob("*.sh"):
        assert file.stat().st_mode & stat.S_IXOTH, f"{file.name} is sourced, not run, by the postgres image"
        assert subprocess.run(["sh", "-n", file], check=False).returncode == 0


@pytest.mark.process
def test_secrets_are_made_once_and_are_their_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    command = ["sh", ROOT / "alerting/stack/prepare.sh", folder]
    said = [subprocess.run(command, capture_output=True, text=True, check=True).stdout]
    found = {file.name: file.read_text() for file in (folder / "secrets").iterdir()}
    said.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert {file.name: file.read_text() for file in (folder / "secrets").iterdir()} == found
    assert said == [f"{folder}: ready; put the plant file at {folder}/plant/plant.yaml\n"] * 2
    assert set(found) == set(COMPOSE["secrets"])
    random = [text for name, text in found.items() if name != "notify_urls"]
    assert len(set(random)) == len(random)
    assert all(re.fullmatch("[0-9a-f]{48}", text) for text in random)
    for guarded in (folder, folder / "secrets"):
        assert stat.S_IMODE(guarded.stat().st_mode) == 0o700
    assert {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()} == set(found)
