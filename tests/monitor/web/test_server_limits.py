"""What a client can take from the server: connections, time and memory, each with a limit. Real sockets only."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from socket import SO_RCVBUF, SOL_SOCKET, create_connection, socket
from threading import Event, Semaphore

import pytest
from server_samples import views
from waits import HANGS, until

from exporters.metrics.shared.snapshot import JobRow, MetricsSnapshot
from monitor.web.connections import Limits
from monitor.web.server import RunningServer, make_app, serve

QUICK = Limits(header_seconds=0.2, body_seconds=0.2, stalled_seconds=0.2, check_seconds=0.05)
PATIENT = Limits(header_seconds=HANGS, body_seconds=HANGS, stalled_seconds=HANGS, check_seconds=0.05)
WHOLE = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@contextmanager
def running(folder: Path, limits: Limits, **changes: object) -> Iterator[RunningServer]:
    served = serve(make_app(views(folder, **changes)), "127.0.0.1", 0, limits)
    try:
        yield served
    finally:
        served.stop()


def connect(server: RunningServer, sent: bytes = b"") -> socket:
    client = create_connection(("127.0.0.1", server.port), timeout=HANGS)
    client.sendall(sent)
    return client


def rest(client: socket) -> bytes:
    """All that comes until the server closes; HANGS ends the test if it never does."""
    received = b""
    try:
        while chunk := client.recv(65536):
            received += chunk
    except ConnectionError:
        pass
    return received


def healthy(server: RunningServer) -> bool:
    with connect(server, WHOLE) as client:
        return rest(client).startswith(b"HTTP/1.1 200")


HALF: dict[str, bytes] = {
    "nothing": b"",
    "half a request line": b"GET /hea",
    "half of the headers": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ",
    "a second request after a whole one": WHOLE.replace(b"close", b"keep-alive") + b"GET /healthz HTTP/1.1\r\nHo",
    "a body that does not come": b"POST /webhook/alertmanager HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
    "a chunked body that does not end":
        b"POST /webhook/alertmanager HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    "a body that nobody reads": b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
    "an upgrade": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
                  b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\nGET /",
}  # fmt: skip


@pytest.mark.parametrize("sent", HALF.values(), ids=HALF)
@pytest.mark.slow
def test_what_is_sent_half_is_ended(sent: bytes, tmp_path: Path) -> None:
    with running(tmp_path, QUICK, refusal=lambda _, size: None) as server, connect(server, sent) as client:
        assert b"500" not in rest(client)
        assert healthy(server)


@pytest.mark.parametrize(
    "start", [HALF["half of the headers"], HALF["a body that does not come"]], ids=["head", "body"]
)
@pytest.mark.slow
def test_bytes_that_trickle_give_no_more_time(start: bytes, tmp_path: Path) -> None:
    limits = replace(QUICK, header_seconds=0.5, body_seconds=0.5)
    with running(tmp_path, limits, refusal=lambda _, size: None) as server, connect(server, start) as client:
        client.settimeout(0.02)

        def ended() -> bool:
            try:
                client.sendall(b"a")
                return client.recv(1) == b""
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        until(ended, "the end of a connection that sends a byte now and then", 30)


@pytest.mark.slow
def test_who_does_not_read_the_answer_is_ended(tmp_path: Path) -> None:
    """The socket of a client that never reads would be kept by the answer that waits for it."""
    large = MetricsSnapshot(
        at=views(tmp_path).snapshot().at, jobs=tuple(_job(n) for n in range(20_000))
    )  # fmt: skip
    with running(tmp_path, QUICK, snapshot=lambda: large) as server, socket() as client:
        client.setsockopt(SOL_SOCKET, SO_RCVBUF, 4096)
        client.settimeout(HANGS)
        client.connect(("127.0.0.1", server.port))
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: server.connections == 1, "the connection")
        until(lambda: server.connections == 0, "the end of a connection that reads nothing", 60)


def _job(n: int) -> JobRow:
    return JobRow(f"pull:{n:0100}", 9, 1, 2, 900, None, None, 0.25, 30.0, "")


@pytest.mark.slow
def test_half_open_connections_keep_out_nobody_else(tmp_path: Path) -> None:
    limits = replace(PATIENT, connections=20)
    with running(tmp_path, limits) as server, ExitStack() as clients:
        for n in range(200):
            clients.enter_context(connect(server, list(HALF.values())[n % 3]))
            assert server.connections <= 21  # one more while it is being made room for
        assert healthy(server), "the one that has waited longest makes room"


def test_a_request_that_is_being_answered_makes_no_room(tmp_path: Path) -> None:
    entered, release = Semaphore(0), Event()

    def hang() -> MetricsSnapshot:
        entered.release()
        release.wait(HANGS)
        return views(tmp_path).snapshot()

    with running(tmp_path, replace(PATIENT, connections=2), snapshot=hang) as server, ExitStack() as clients:
        asked = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        busy = [clients.enter_context(connect(server, asked)) for _ in range(2)]
        for _ in busy:
            entered.acquire(timeout=HANGS)
        assert not healthy(server), "one too many is closed at once"
        release.set()
        assert all(rest(client).startswith(b"HTTP/1.1 200") for client in busy)


@pytest.mark.parametrize("size", [20_000, 2_000_000])
def test_headers_have_a_size(size: int, tmp_path: Path) -> None:
    with running(tmp_path, PATIENT) as server, connect(server) as client:
        try:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * size)
            answer = rest(client)
        except ConnectionError:  # closed while it was still being sent
            answer = b""
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
        assert healthy(server)


_FEW_FILES = """
import resource, sys
from pathlib import Path
from monitor.web.server import make_app, serve
sys.path[:0] = sys.argv[3:]
from server_samples import views
server = serve(make_app(views(Path(sys.argv[1]))), "127.0.0.1", 0)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
print(server.port, flush=True)
for _ in sys.stdin:
    files = [open(sys.argv[2]) for _ in range(64)]
    print(len(files), flush=True)
"""


@pytest.mark.process
def test_two_hundred_half_open_connections_leave_the_jobs_their_file_handles(tmp_path: Path) -> None:
    here = Path(__file__)
    command = [sys.executable, "-c", _FEW_FILES, str(tmp_path), __file__, str(here.parent), str(here.parents[1])]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as child,
        ExitStack() as clients,
    ):
        assert child.stdin
        assert child.stdout
        port = int(child.stdout.readline())
        for n in range(250):
            client = clients.enter_context(create_connection(("127.0.0.1", port), timeout=HANGS))
            client.sendall(list(HALF.values())[n % 3])
        child.stdin.write("open\n")
        assert child.stdout.readline() == "64\n"
        with create_connection(("127.0.0.1", port), timeout=HANGS) as client:
            client.sendall(WHOLE)
            assert rest(client).startswith(b"HTTP/1.1 200")
        child.stdin.close()
