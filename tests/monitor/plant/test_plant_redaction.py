"""Passwords that stand in the plant file itself: found, told, and kept out of the store and its backups."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from plant_cases import GOOD

from monitor.clock import WallClock
from monitor.plant.file.load import examine, load, parse
from monitor.plant.file.redaction import redacted
from monitor.runtime.app import make_app
from monitor.runtime.private import keep_secrets_out
from monitor.store.database import tables as t
from monitor.store.database.backup import backup
from monitor.store.database.schema import open_store
from monitor.store.plant_files import plant_file_texts, record_plant_file

LITERAL: dict[str, tuple[str, str]] = {
    "the password of a database": ("a: postgresql+psycopg://u:hunter2@host/db", "a: postgresql+psycopg://u:***@host/db"),
    "with a port and options": ("a: mysql://u:hunter2@h:1/d?x=1", "a: mysql://u:***@h:1/d?x=1"),
    "with '@' and '/' in it": ("a: postgresql://u:hunter2@w/@host/db", "a: postgresql://u:***@host/db"),
    "without a user": ("a: redis://:hunter2@host", "a: redis://:***@host"),
    "as an option": ("a: postgresql://h/d?user=u&password=hunter2", "a: postgresql://h/d?user=u&password=***"),
    "as an option of another name": ("a: x://h/d?sslPassword=hunter2&b=1", "a: x://h/d?sslPassword=***&b=1"),
    "in ODBC's form": ("a: x://?odbc_connect=UID%3Du%3BPWD%3Dhunter2%3BX%3D1", "PWD%3D***%3BX%3D1"),
    "in double quotes, escaped": ('a: "postgresql:\\/\\/u:h\\x75nter2@h/d"', "a: postgresql://u:***@h/d"),
    "in single quotes": ("a: 'postgresql://u:hunter2@h/d'", "a: postgresql://u:***@h/d"),
    "over two lines": ('a: "postgresql://u:hun\\\n  ter2@h/d"', "a: postgresql://u:***@h/d"),
    "as a block": ("a: >-\n  postgresql://u:hunter2@h/d", "a: postgresql://u:***@h/d"),
    "by an anchor": ("a: &x postgresql://u:hunter2@h/d\nb: *x", "b: postgresql://u:***@h/d"),
    "in a list": ("a: [json://u:hunter2@h/t]", "- json://u:***@h/t"),
    "a token": ("alerts: {webhook_token: hunter2}", "webhook_token: '***'"),
    "in a comment": ("a: 1  # was postgresql://u:hunter2@h/d", "a: 1"),
    "beside a reference": ("a: x://u:${PW}@h\nb: x://u:hunter2@h", "a: x://u:${PW}@h\nb: x://u:***@h"),
    "that begins like a reference": ("a: x://u:$${hunter2@h/d", "a: x://u:***@h/d"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "kept"), LITERAL.values(), ids=LITERAL)
def test_a_password_is_not_kept(text: str, kept: str) -> None:
    assert "hunter2" not in redacted(text)
    assert "ter2" not in redacted(text)
    assert kept in redacted(text)
    assert redacted(redacted(text)) == redacted(text)


@pytest.mark.parametrize(
    "text",
    ["a: x://u:${PW}@h/d  # by ${PW}", "a: x://${USER}:${file:pw}@h", "alerts: {webhook_token: '${TOKEN}'}", "a: x://u@h/d",
     "a: sqlite:///mes.db", "a: http://h:9000/x", "not: [yaml", "", "# token: by mail\na: 1"],
)  # fmt: skip
def test_a_text_without_a_password_stays_as_it_is(text: str) -> None:
    assert redacted(text) == text


def _plant(folder: Path) -> Path:
    """The good plant file with a password in a source and a token."""
    text = GOOD.read_text(encoding="utf-8")
    address = "postgresql+psycopg://reader:hunter2@mes.example/db"
    spoiled = text.replace("sqlite:///mes.db", address, 1).replace("${MES_PASSWORD}", "hunter2")
    assert address in spoiled
    (folder / "plant.yaml").write_text(spoiled + "\nalerts: {webhook_token: hunter2}\n", encoding="utf-8")
    return folder / "plant.yaml"


def test_check_names_the_key_and_what_to_write(tmp_path: Path) -> None:
    warnings = examine(_plant(tmp_path)).warnings
    assert [line.split(": ")[1] for line in warnings] == [
        "sources.mes.url", "sources.decided.url", "write_back.url", "alerts.webhook_token",
    ]  # fmt: skip
    for line in warnings:
        assert line.startswith(f"{tmp_path}/plant.yaml:")
        assert " is written in the file; write ${NAME} in its place and set the environment variable NAME" in line
        assert "hunter2" not in line


def test_the_plant_of_the_kept_text_differs_in_nothing_but_secrets(tmp_path: Path) -> None:
    loaded = load(_plant(tmp_path))
    kept = parse(redacted(loaded.text), tmp_path).plant.model_dump()
    for values in (kept, whole := loaded.plant.model_dump()):
        values["alerts"]["webhook_token"] = None
        for part in (*values["sources"].values(), values["write_back"]):
            part["url"] = part["url"].replace("hunter2", "***")
    assert kept == whole


@pytest.mark.slow
def test_neither_store_nor_backup_holds_it(tmp_path: Path) -> None:
    loaded = load(_plant(tmp_path))
    app = make_app(loaded, WallClock(), simulated=False)
    with app.store.read() as connection:
        assert list(plant_file_texts(connection)) == [loaded.digest]
    backup(app.store, tmp_path / "copy.backup")
    app.close()
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "plant.yaml"]
    assert len(kept) >= 2
    assert [path.name for path in kept if b"hunter2" in path.read_bytes()] == []


@pytest.mark.slow
def test_a_store_of_the_version_before_loses_it_at_the_start(
    store_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loaded, store = load(_plant(tmp_path)), open_store(store_url)
    with store.write() as connection:  # several pages, some of them freed
        for n in range(50):
            row = {"digest": f"{n}", "content": loaded.text, "since": WallClock().now()}
            connection.execute(t.plant_file.insert().values(row))
        connection.execute(t.plant_file.delete().where(t.plant_file.c.digest == "7"))
    store.close()
    again = open_store(store_url)
    keep_secrets_out(again)
    assert "49 stored plant files held passwords or tokens" in caplog.text
    assert "hunter2" not in caplog.text
    with again.read() as connection:
        texts = plant_file_texts(connection)
        assert len(texts) == 49
        assert not any("hunter2" in text for text in texts.values())
    record_plant_file(again, "0", redacted(loaded.text), WallClock().now())
    again.close()
    keep_secrets_out(again)  # nothing is left to do
    assert caplog.text.count("held passwords") == 1
    file = again.file()
    if file is not None and shutil.which("true"):
        engine = sa.create_engine(f"sqlite:///{file}", poolclass=sa.NullPool)
        engine.dispose()
        for path in file.parent.glob(f"{file.name}*"):
            # Row 7 was deleted by the version before, which did not overwrite it; every other one was.
            assert path.read_bytes().count(b"reader:hunter2@") <= 1
