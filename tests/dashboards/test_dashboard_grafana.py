"""Publishing to a Grafana over HTTP: what is overwritten and what never, and one failing server for every reason."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from grafana_stub import TOKEN, VERSIONS, Stub, stub
from waits import HANGS

from dashboards.files import dashboards
from dashboards.grafana import Existing, Grafana
from dashboards.publishing import PublishResult, decide_publishing, message_of, publish, read_token
from monitor.cli import cli
from monitor.errors import GrafanaError, GrafanaReason, MonitorError, UsageError

UID = "gatewatch-overview"
BOARD = {"uid": UID, "title": "Overview", "panels": []}
BOARDS = {"overview.json": BOARD}


@pytest.fixture
def server() -> Iterator[Stub]:
    with stub() as made:
        yield made


def grafana(server: Stub, token: str = TOKEN, timeout: float = HANGS) -> Grafana:
    return Grafana(server.url, token, timeout)


def test_a_new_dashboard_is_created_then_left_alone_then_updated(server: Stub) -> None:
    assert publish(grafana(server), BOARDS, None, False) == {UID: PublishResult.CREATED}
    assert publish(grafana(server), BOARDS, None, False) == {UID: PublishResult.UNCHANGED}
    newer = {"overview.json": {**BOARD, "title": "Overview of all"}}
    assert publish(grafana(server), newer, None, False) == {UID: PublishResult.UPDATED}
    assert server.dashboards[UID]["title"] == "Overview of all"
    assert server.dashboards[UID]["version"] == 2


@pytest.mark.parametrize(
    ("health", "published"),
    [((200, {"status": "OK"}), True), ((500, {"message": "ill"}), True), ((404, {"message": "none"}), False)],
    ids=["well", "ill", "none"],
)
def test_an_editor_who_may_not_read_the_data_source_can_publish_twice(
    server: Stub, health: tuple[int, Any], published: bool
) -> None:
    server.instead["/gatewatch-prometheus/health"] = health
    server.instead["/datasources/uid/"] = (403, {"message": "You'll need additional permissions"})
    if published:
        assert publish(grafana(server), BOARDS, None, False) == {UID: PublishResult.CREATED}
        assert publish(grafana(server), BOARDS, None, False) == {UID: PublishResult.UNCHANGED}
    else:
        with pytest.raises(GrafanaError, match="no Prometheus data source"):
            publish(grafana(server), BOARDS, None, False)


def test_a_grafana_that_is_too_old_is_told_so(server: Stub) -> None:
    server.instead["/api/health"] = (200, {"database": "ok", "version": "10.4.2"})
    with pytest.raises(GrafanaError, match=r"is version 10\.4\.2; the dashboards need 11 or later"):
        publish(grafana(server), BOARDS, None, False)


def test_it_stays_in_its_folder_unless_another_is_named(server: Stub) -> None:
    publish(grafana(server), BOARDS, "plants", False)
    publish(grafana(server), {"overview.json": {**BOARD, "title": "2"}}, None, False)
    assert server.folders[UID] == "plants"
    publish(grafana(server), {"overview.json": {**BOARD, "title": "3"}}, "others", False)
    assert server.folders[UID] == "others"


def test_what_somebody_else_changed_is_kept_unless_forced(server: Stub) -> None:
    publish(grafana(server), BOARDS, None, False)
    server.edited(UID, "made the graph bigger")
    with pytest.raises(GrafanaError, match="was changed in Grafana since it was published") as told:
        publish(grafana(server), {"overview.json": {**BOARD, "title": "2"}}, None, False)
    assert told.value.reason is GrafanaReason.CHANGED
    assert publish(grafana(server), {"overview.json": {**BOARD, "title": "2"}}, None, True) == {
        UID: PublishResult.UPDATED
    }


def test_a_change_between_the_look_and_the_save_is_kept(server: Stub) -> None:
    publish(grafana(server), BOARDS, None, False)
    looked_at = grafana(server).find(UID)
    server.edited(UID)
    assert looked_at is not None
    with pytest.raises(GrafanaError) as told:
        grafana(server).save({**BOARD, "id": looked_at.id, "version": looked_at.version}, "", "m", overwrite=False)
    assert told.value.reason is GrafanaReason.CHANGED


@pytest.mark.parametrize("force", [False, True], ids=["asked nicely", "forced"])
def test_a_provisioned_dashboard_is_never_overwritten(force: bool, server: Stub) -> None:
    publish(grafana(server), BOARDS, None, False)
    server.provisioned.add(UID)
    with pytest.raises(GrafanaError, match="replace the file instead") as told:
        publish(grafana(server), {"overview.json": {**BOARD, "title": "2"}}, None, force)
    assert told.value.reason is GrafanaReason.PROVISIONED
    assert server.dashboards[UID]["title"] == "Overview"


OURS = message_of(BOARD)


@pytest.mark.parametrize(
    ("existing", "newest", "force", "did"),
    [
        (None, "", False, PublishResult.CREATED),
        (Existing(7, 3, "", False), OURS, False, PublishResult.UNCHANGED),
        (Existing(7, 3, "", False), OURS, True, PublishResult.UNCHANGED),
        (Existing(7, 3, "", False), message_of({"uid": "older"}), False, PublishResult.UPDATED),
        (Existing(7, 3, "", False), "by hand", True, PublishResult.UPDATED),
        (Existing(7, 3, "", False), "by hand", False, GrafanaReason.CHANGED),
        (Existing(7, 3, "", False), "", False, GrafanaReason.CHANGED),
        (Existing(7, 3, "", True), OURS, True, GrafanaReason.PROVISIONED),
    ],
    ids=[
        "none there", "the same there", "the same there, forced", "an older one of ours", "one of somebody, forced",
        "one of somebody", "one without a word", "one from a file, forced",
    ],
)  # fmt: skip
def test_a_decision(existing: Existing | None, newest: str, force: bool, did: PublishResult | GrafanaReason) -> None:
    if isinstance(did, PublishResult):
        assert decide_publishing(existing, newest, OURS, force) is did
        return
    with pytest.raises(GrafanaError) as told:
        decide_publishing(existing, newest, OURS, force)
    assert told.value.reason is did


FAILING: dict[str, tuple[str, tuple[int, Any], GrafanaReason, str]] = {
    "its database is down": ("/health", (503, {"database": "failing"}), GrafanaReason.UNHEALTHY, "answered with 503"),
    "it says that it is not well": ("/health", (200, {"database": "failing"}), GrafanaReason.UNHEALTHY, "failing"),
    "a crash": ("/dashboards/db", (500, {"message": "boom"}), GrafanaReason.UNHEALTHY, "answered with 500: boom"),
    "an empty answer": ("/health", (200, ""), GrafanaReason.NOT_GRAFANA, "not JSON"),
    "a log-in page": ("/health", (200, "<html>log in</html>"), GrafanaReason.NOT_GRAFANA, "not JSON"),
    "a redirect": ("/dashboards/db", (302, ""), GrafanaReason.NOT_GRAFANA, "a redirect"),
    "a list instead of an object": ("/health", (200, []), GrafanaReason.NOT_GRAFANA, "list where an object"),
    "an error that holds the word message": (
        "/health", (400, '"a message"'), GrafanaReason.NOT_GRAFANA, "an error in an unknown format",
    ),
    "a dashboard without its meta": (f"/uid/{UID}", (200, {"dashboard": {}}), GrafanaReason.NOT_GRAFANA, "without id"),
    "a save that says nothing": ("/dashboards/db", (200, {}), GrafanaReason.NOT_GRAFANA, "without status"),
    "a token that is not known": ("/datasources", (401, {"message": "no"}), GrafanaReason.UNAUTHORISED, "the token"),
    "a token that may not": ("/dashboards/db", (403, {"message": "no"}), GrafanaReason.FORBIDDEN, "role Editor"),
    "no data source": ("/datasources", (404, {"message": "?"}), GrafanaReason.NO_DATA_SOURCE, "gatewatch-prometheus"),
    "a data source of another kind": ("/datasources", (200, {"type": "loki"}), GrafanaReason.NO_DATA_SOURCE, "no Prom"),
    "a folder that is not there": (
        "/dashboards/db", (404, {"message": "folder not found"}), GrafanaReason.NOT_FOUND, "folder not found",
    ),
    "a provisioned dashboard": (
        "/dashboards/db", (400, {"message": "Cannot save provisioned dashboard"}), GrafanaReason.PROVISIONED, "a file",
    ),
    "a version of somebody else": (
        "/dashboards/db", (412, {"status": "version-mismatch"}), GrafanaReason.CHANGED, "another version",
    ),
    "another dashboard of that name": (
        "/dashboards/db", (412, {"status": "name-exists", "message": "same name"}), GrafanaReason.REFUSED, "same name",
    ),
    "a refusal in plain text": ("/dashboards/db", (422, "too big\nmore"), GrafanaReason.REFUSED, "422: too big"),
    "no answer in time": ("/health", (200, "never"), GrafanaReason.TIMEOUT, "within 0.3 s"),
}  # fmt: skip


@pytest.mark.parametrize(("part", "instead", "reason", "told"), FAILING.values(), ids=FAILING)
def test_every_failure_is_one_sentence_with_a_reason(
    part: str, instead: tuple[int, Any], reason: GrafanaReason, told: str, server: Stub
) -> None:
    server.instead[part] = instead
    with pytest.raises(GrafanaError) as raised:
        publish(grafana(server, timeout=0.3 if reason is GrafanaReason.TIMEOUT else HANGS), BOARDS, None, False)
    assert raised.value.reason is reason
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)
    assert TOKEN not in str(raised.value)


def test_a_server_that_is_not_there_is_named_with_the_cause() -> None:
    with stub() as gone:
        pass
    with pytest.raises(GrafanaError, match=f"{gone.url}/ cannot be reached: .*refused") as raised:
        grafana(gone).check("gatewatch-prometheus")
    assert raised.value.reason is GrafanaReason.UNREACHABLE


def test_every_reason_has_a_failing_server_or_a_decision() -> None:
    assert {reason for _, _, reason, _ in FAILING.values()} | {GrafanaReason.UNREACHABLE} == set(GrafanaReason)


def test_versions_come_as_a_list_from_an_older_grafana(server: Stub) -> None:
    publish(grafana(server), BOARDS, None, False)
    server.instead[VERSIONS] = (200, [{"version": 1, "message": "old"}, {"version": 2, "message": "new"}])
    assert grafana(server).newest_message(UID) == "new"
    server.instead[VERSIONS] = (200, {"versions": 3})
    with pytest.raises(GrafanaError, match="no list of versions"):
        grafana(server).newest_message(UID)


def test_a_token_that_the_server_repeats_is_not_shown(server: Stub) -> None:
    server.instead["/dashboards/db"] = (422, {"message": f"who is {TOKEN}?"})
    with pytest.raises(GrafanaError, match=r"who is \*\*\*\?"):
        publish(grafana(server), BOARDS, None, False)
    assert TOKEN not in repr(grafana(server))


@pytest.mark.parametrize(
    ("content", "token"),
    [(b"glsa_x\n", "glsa_x"), (b"", None), (b"glsa_x two", None), (b"glsa_x\nb", None), ("glsa_xö".encode(), None)],
    ids=["one line", "empty", "with a space", "two lines", "not ASCII"],
)
def test_a_token_is_one_line(content: bytes, token: str | None, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    if token is not None:
        assert read_token(file) == token
        return
    with pytest.raises(UsageError, match="expected one line") as told:
        read_token(file)
    assert "glsa_x" not in str(told.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host", "https://host/"),
        ("http://host:3000/", "http://host:3000/"),
        ("http://host/some/prefix", "http://host/some/prefix/"),
        ("http://[::1]:3000", "http://[::1]:3000/"),
        ("host:3000", None),
        ("ftp://host", None),
        ("http://", None),
        ("http://me:secret@host", None),
    ],
)
def test_an_address(url: str, shown: str | None) -> None:
    if shown is not None:
        assert Grafana(url, TOKEN).url == shown
        return
    with pytest.raises(UsageError, match="expected the address of Grafana") as told:
        Grafana(url, TOKEN)
    assert "secret" not in str(told.value)


def test_a_prefix_comes_before_the_api(server: Stub) -> None:
    server.instead["/api/health"] = (200, {"database": "ok"})
    server.instead["/api/datasources"] = (200, {"type": "prometheus"})
    Grafana(f"{server.url}/grafana", TOKEN).check("gatewatch-prometheus")
    assert [path for _, path, _ in server.requests] == [
        "/grafana/api/health", "/grafana/api/datasources/uid/gatewatch-prometheus",
    ]  # fmt: skip


def run(server: Stub, tmp_path: Path, *more: str) -> Any:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    arguments = ["dashboards", "publish", "--url", server.url, "--token-file", str(token), *more]
    return CliRunner().invoke(cli, arguments)


@pytest.mark.slow
def test_the_command_brings_the_real_dashboards(server: Stub, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    uids = [board["uid"] for board in dashboards().values()]
    assert run(server, tmp_path).output == "".join(f"{uid}: created\n" for uid in uids)
    assert json.loads(run(server, tmp_path, "--json").output) == dict.fromkeys(uids, "unchanged")
    sent = server.dashboards[UID]
    assert {key: value for key, value in sent.items() if key not in ("id", "version")} == dashboards()["overview.json"]
    assert TOKEN not in caplog.text


def test_the_command_leaves_the_sentence_to_the_command_line(server: Stub, tmp_path: Path) -> None:
    server.instead["/health"] = (200, "")
    assert isinstance(run(server, tmp_path).exception, MonitorError)
