"""docker-compose.yml as values, and each service of it as a process of this machine.

Nothing of a service is written twice: command, environment, files and health check come from the compose file. Only
what a container has and a process has not is replaced: names of hosts by loopback, ports by free ones, the paths
of mounts by folders of the test.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from waits import until

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"\$\$|\$\{(\w+):-([^}]*)\}")


def read() -> dict[str, Any]:
    """The file, anchors resolved, variables as they are."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found


def filled(text: str, environment: Mapping[str, str] | None = None) -> str:
    """As compose fills in variables: `${NAME:-default}`, and `$$` for a plain `$`."""
    given = environment or {}
    return _VARIABLE.sub(lambda m: "$" if m.group() == "$$" else given.get(m[1]) or m[2], text)


@dataclass(frozen=True)
class Mount:
    """A volume of a service; `source` is a name, or a path that begins with a dot."""

    source: str
    target: str
    read_only: bool

    @property
    def bind(self) -> bool:
        """Whether it is a file or folder of the host."""
        return self.source.startswith((".", "/", "$"))


def mounts(service: Mapping[str, Any]) -> list[Mount]:
    """The volumes of a service."""
    found = []
    for text in service.get("volumes", []):
        source, target, *mode = filled(text).rsplit(":", 2) if text.endswith(":ro") else filled(text).rsplit(":", 1)
        found.append(Mount(source, target, mode == ["ro"]))
    return found


@dataclass
class Stack:
    """The services of the file as processes."""

    folder: Path
    secrets: Path
    plant: Path
    ports: dict[str, int]
    """By the service's name, the port that stands for the one in the file."""
    listening: dict[str, int]
    """By the service's name, the port in the file."""
    services: Mapping[str, Any] = field(default_factory=lambda: read()["services"])
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def natively(self, text: str, service: str) -> str:
        """A text of the file as it reads on this machine."""
        places = {f"{name}:{port}": f"127.0.0.1:{self.ports[name]}" for name, port in self.listening.items()}
        mine = self.listening.get(service)
        for host in ("0.0.0.0", "127.0.0.1"):
            places[f"{host}:{mine}"] = f"127.0.0.1:{self.ports.get(service)}"
        places |= {f"port={mine}": f"port={self.ports.get(service)}", "0.0.0.0": "127.0.0.1"}
        places |= self.paths(service) | {"/run/secrets": str(self.secrets)}
        longest = sorted(places, key=len, reverse=True)
        # A path begins where no other path goes on; a host may stand behind the two slashes of a URL.
        begins = {name: r"(?<![\w/.])" if name.startswith("/") else r"(?<!\w)" for name in places}
        pattern = re.compile(rf"({'|'.join(begins[name] + re.escape(name) for name in longest)})(?![\w-])")
        return pattern.sub(lambda match: places[match[1]], filled(text))

    def paths(self, service: str) -> dict[str, str]:
        """Where the mounts of a service lie here."""
        found = {}
        for mount in mounts(self.services[service]):
            plant = mount.target == "/plant"
            found[mount.target] = str(self.plant if plant else self.folder / service / mount.target.lstrip("/"))
        return found

    def lay_out(self, service: str) -> None:
        """Make the volumes of a service, and copies of its files with the hosts of this machine."""
        for mount in mounts(self.services[service]):
            here = Path(self.paths(service)[mount.target])
            if mount.target == "/plant":
                continue
            here.parent.mkdir(parents=True, exist_ok=True)
            if not mount.bind:
                here.mkdir(exist_ok=True)
            elif (ROOT / mount.source).is_dir():
                shutil.copytree(ROOT / mount.source, here, dirs_exist_ok=True)
            else:
                text = (ROOT / mount.source).read_text(encoding="utf-8")
                here.write_text(text if here.suffix == ".sh" else self.natively(text, service), encoding="utf-8")

    def environment(self, service: str) -> dict[str, str]:
        """The environment of a service, on top of what a process needs here."""
        given = self.services[service].get("environment", {})
        mine = {name: self.natively(str(value), service) for name, value in given.items()}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        return {"PATH": path, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"} | mine

    def start(self, service: str, program: Sequence[str | Path], more: Sequence[str] = ()) -> None:
        """Start a service by what its image would start, with the file's command."""
        self.lay_out(service)
        command = [self.natively(str(part), service) for part in self.services[service].get("command", [])]
        with (self.folder / f"{service}.log").open("wb") as log:
            self.running[service] = subprocess.Popen(
                [*map(str, program), *command, *more], stdout=log, stderr=log, cwd=self.folder / service,
                env=self.environment(service), start_new_session=True,
            )  # fmt: skip

    def healthy(self, service: str) -> bool:
        """What the file's health check says of it."""
        kind, *command = self.services[service]["healthcheck"]["test"]
        assert kind == "CMD"
        command = [self.natively(part, service) for part in command]
        command[0] = {"python": sys.executable}.get(command[0], command[0])
        environment = self.environment(service) | {"PGPORT": str(self.ports["postgres"])}
        return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0

    def wait(self, service: str) -> None:
        """Until it is healthy; its log, where it ends instead."""

        def healthy() -> bool:
            ended = service in self.running and self.running[service].poll() is not None
            assert not ended, f"{service} is not healthy: {self.log(service)[-3000:]}"
            return self.healthy(service)

        until(healthy, f"{service} is healthy")

    def log(self, service: str) -> str:
        """What a service said."""
        return (self.folder / f"{service}.log").read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """End what was started, the last first."""
        for process in reversed(self.running.values()):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.running.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
