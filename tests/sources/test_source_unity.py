"""Delta tables of Unity Catalog as sources, by their names of three levels; on a stub of a workspace."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from databricks_kit.tables import AWS, SAS
from databricks_kit.workspace import Workspace, running
from deltalake import write_deltalake
from sources_plant import FAR
from test_source_lake import forces, opened, rows

from monitor.errors import SourceError, SourceReason, UsageError
from monitor.sources.lake.delta import DeltaLog
from monitor.sources.lake.places import Place, in_catalog

pytestmark = pytest.mark.own_process

TABLE = "main.mes.readings"


@pytest.fixture(scope="module")
def served() -> Iterator[Workspace]:
    with pytest.MonkeyPatch.context() as environment, running(environment) as workspace:
        yield workspace


@pytest.fixture
def workspace(served: Workspace) -> Workspace:
    served.forget()
    return served


def found(table: str = TABLE, profile: str = "") -> Place:
    return in_catalog("it", table, profile, 5.0)()


def test_a_table_is_read_by_its_name_and_new_rows_come_with_its_next_commit(
    workspace: Workspace, tmp_path: Path
) -> None:
    write_deltalake(tmp_path / "t", rows([1, 2]))
    workspace.tables.add(TABLE, (tmp_path / "t").as_uri())
    source = opened("delta+uc://", TABLE)
    source.verify()
    first = source.read(None, FAR, 10)
    assert forces(first) == [1, 2]
    write_deltalake(tmp_path / "t", rows([3]), mode="append")
    assert forces(source.read(first.position, FAR, 10)) == [3]


def test_only_reading_is_asked_for_and_credentials_become_options(workspace: Workspace) -> None:
    workspace.tables.add(TABLE, "s3://bucket/t", {**AWS, "expiration_time": 1_900_000_000_000})
    workspace.tables.add("main.mes.azure", "abfss://c@a.dfs.core.windows.net/t", SAS)
    keys = {"aws_access_key_id": "id", "aws_secret_access_key": "key", "aws_session_token": "session"}
    assert found() == Place("s3://bucket/t", keys, 1_900_000_000.0)
    assert found("main.mes.azure").options == {"azure_storage_sas_token": "sig=1"}
    assert "session" not in repr(found())


def test_credentials_are_asked_for_again_before_they_end(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "t", rows([1]))
    asked: list[Place] = []

    def find() -> Place:
        asked.append(Place(str(tmp_path / "t"), until=time.time() + (10 if len(asked) < 2 else 3600)))
        return asked[-1]

    log = DeltaLog("it", find, [])
    for _ in range(4):
        assert list(log.columns()) == ["happened", "unit", "force"]
    assert len(asked) == 3


def test_a_profile_of_the_configuration_names_the_workspace(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cfg").write_text(f"[line7]\nhost = {workspace.url}\ntoken = token-of-the-stub\n")
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "cfg"))
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN"):
        monkeypatch.delenv(name)
    write_deltalake(tmp_path / "t", rows([1]))
    workspace.tables.add(TABLE, (tmp_path / "t").as_uri())
    assert forces(opened("delta+uc://line7", TABLE).read(None, FAR, 10)) == [1]


@pytest.mark.parametrize(
    ("form", "credentials", "location", "words"),
    [
        pytest.param("ICEBERG", AWS, "s3://b/t", "its format is ICEBERG", id="another format"),
        pytest.param(None, AWS, "", "it is of type VIEW", id="a view"),
        pytest.param("DELTA", {"gcp_oauth_token": {"oauth_token": "t"}}, "gs://b/t", "S3 or Azure", id="another cloud"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_sentence(
    workspace: Workspace, form: str | None, credentials: dict[str, object], location: str, words: str
) -> None:
    workspace.tables.add(TABLE, location, credentials, form)
    with pytest.raises(SourceError, match=words) as caught:
        found()
    assert caught.value.reason is SourceReason.REFUSED
    assert TABLE in str(caught.value)


def test_a_table_that_is_not_there_or_not_shown(workspace: Workspace) -> None:
    with pytest.raises(SourceError, match=r"Table 'main\.mes\.other' does not exist") as caught:
        found("main.mes.other")
    assert caught.value.reason is SourceReason.MISSING_TABLE
    with workspace.refusing(TABLE, 403, "PERMISSION_DENIED"), pytest.raises(SourceError, match="SELECT") as caught:
        found()
    assert caught.value.reason is SourceReason.REFUSED


@pytest.mark.slow
def test_no_credentials_and_no_workspace(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("DATABRICKS_HOST", f"http://127.0.0.1:{probe.getsockname()[1]}")
    with pytest.raises(SourceError) as caught:
        in_catalog("it", TABLE, "", 1.0)()
    assert caught.value.reason is SourceReason.UNREACHABLE
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN"):
        monkeypatch.delenv(name)
    with pytest.raises(SourceError, match="credentials") as caught:
        found()
    assert caught.value.reason is SourceReason.REFUSED
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("table", ["readings", "mes.readings", "a.b.c.d", "main/mes/readings"])
def test_a_name_of_another_number_of_levels_is_refused(table: str) -> None:
    with pytest.raises(UsageError, match=r"expected three levels, catalog\.schema\.table"):
        opened("delta+uc://", table)


def test_a_location_without_a_table_is_a_missing_table(workspace: Workspace, tmp_path: Path) -> None:
    workspace.tables.add(TABLE, (tmp_path / "nothing").as_uri())
    with pytest.raises(SourceError) as caught:
        opened("delta+uc://", TABLE).read(None, FAR, 1)
    assert caught.value.reason is SourceReason.MISSING_TABLE
