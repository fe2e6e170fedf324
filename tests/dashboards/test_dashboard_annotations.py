"""What happened in a plant becomes annotations in Grafana, each once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from grafana_stub import TOKEN, Stub, stub
from plant_kit import make_plant
from waits import HANGS

from dashboards import annotating
from dashboards.annotating import Annotated, annotate
from dashboards.blocks.marks import Mark, MarkKind, identity
from dashboards.grafana import Grafana
from monitor.cli import cli
from monitor.errors import GrafanaError, GrafanaReason
from monitor.plant.file.load import load
from monitor.store.database import tables as t
from monitor.store.database.schema import open_store

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[Stub]:
    with stub() as made:
        yield made


def grafana(server: Stub) -> Grafana:
    return Grafana(server.url, TOKEN, HANGS)


def mark(minutes: float, kind: MarkKind = MarkKind.RECIPE, until: float | None = None, subject: str = "F1") -> Mark:
    end = None if until is None else AT + timedelta(minutes=until)
    return Mark(kind, subject, AT + timedelta(minutes=minutes), end, f"{subject} {minutes:g}")


MARKS = [mark(0), mark(5, MarkKind.DOWN, until=65), mark(9, MarkKind.PROMOTION, subject="shape")]


def test_each_is_posted_once_and_a_new_one_later(server: Stub) -> None:
    assert annotate(grafana(server), "north", MARKS) == Annotated(3, 0, 0)
    assert annotate(grafana(server), "north", MARKS) == Annotated(0, 3, 0)
    assert annotate(grafana(server), "north", [*MARKS, mark(70)]) == Annotated(1, 3, 0)
    assert annotate(grafana(server), "south", MARKS) == Annotated(3, 0, 0), "another site has its own"
    first = server.annotations[1]
    assert first["timeEnd"] - first["time"] == 3_600_000
    assert first["tags"][:5] == ["gatewatch", "maintenance", "down", "F1", "north"]
    assert server.annotations[0]["timeEnd"] == server.annotations[0]["time"] == 1000 * AT.timestamp()


def test_other_words_for_the_same_are_not_posted_again(server: Stub) -> None:
    annotate(grafana(server), "north", MARKS)
    assert annotate(grafana(server), "north", [MARKS[0]._replace(text="other words")]) == Annotated(0, 1, 0)
    assert len({identity(site, one) for one in MARKS for site in ("north", "south")}) == 2 * len(MARKS)


def test_nothing_happened(server: Stub) -> None:
    assert annotate(grafana(server), "north", []) == Annotated(0, 0, 0)
    assert server.requests == []


def test_only_the_newest_of_each_kind_are_posted(server: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotating, "MOST", 2)
    many = [mark(n) for n in range(5)] + [mark(1.5, MarkKind.SETUP)]
    assert annotate(grafana(server), "north", many) == Annotated(3, 0, 3)
    assert [row["text"] for row in server.annotations] == ["F1 1.5", "F1 3", "F1 4"]


def test_it_does_not_guess_where_there_are_too_many(server: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotating, "LISTED", 3)
    annotate(grafana(server), "north", MARKS)
    with pytest.raises(GrafanaError, match="give a shorter --since") as told:
        annotate(grafana(server), "north", MARKS)
    assert told.value.reason is GrafanaReason.REFUSED
    assert len(server.annotations) == 3


@pytest.mark.parametrize(
    ("instead", "reason", "told"),
    [
        ((403, {"message": "You'll need additional permissions"}), GrafanaReason.FORBIDDEN, "role Editor"),
        ((200, {"message": "no"}), GrafanaReason.NOT_GRAFANA, "no list of annotations"),
        ((200, [3]), GrafanaReason.NOT_GRAFANA, "no list of annotations"),
        ((500, {"message": "Failed to get annotations"}), GrafanaReason.UNHEALTHY, "500"),
    ],
)
def test_a_failure_is_one_sentence(server: Stub, instead: Any, reason: GrafanaReason, told: str) -> None:
    server.instead["/api/annotations"] = instead
    with pytest.raises(GrafanaError, match=told) as raised:
        annotate(grafana(server), "north", MARKS)
    assert raised.value.reason is reason


def test_a_post_without_an_id_and_an_empty_text_are_refused(server: Stub) -> None:
    with pytest.raises(GrafanaError, match="Failed to save annotation"):
        grafana(server).mark("", ["gatewatch"], AT, None)
    server.instead["/api/annotations"] = (200, {"message": "Annotation added"})
    with pytest.raises(GrafanaError, match="without an id"):
        grafana(server).mark("x", ["gatewatch"], AT, None)


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """A plant whose store knows that a baseline began anew a day ago."""
    file = make_plant(tmp_path / "plant", 0.1)
    store = open_store(load(file).plant.store.url)
    at = datetime.now(UTC) - timedelta(days=1)
    row = {"machine": "mill-1", "recipe": None, "until": at, "at": at, "reason": "new <b>spindle", "person": "Ada"}
    with store.write() as connection:
        connection.execute(t.forgotten_baseline.insert(), [row])
    store.close()
    return file


def run(server: Stub, folder: Path, *arguments: str) -> Any:
    token = folder / "token"
    token.write_text(TOKEN)
    done = CliRunner().invoke(cli, ["dashboards", *arguments, "--url", server.url, "--token-file", str(token)])
    assert done.exception is None, done.exception
    return done.output


@pytest.mark.slow
def test_the_command_posts_what_the_store_knows_and_says_what_it_does_not(
    server: Stub, plant: Path, tmp_path: Path
) -> None:
    told = run(server, tmp_path, "annotate", "-p", str(plant))
    assert told.splitlines() == [
        "annotations of demo: 1 posted, 0 there already",
        "not known: changed recipes: no machine had parts of two recipes in this time",
        "not known: set-ups, maintenance and breakdowns: no source reports what the machines do (kind machine_states)",
    ]
    (found,) = server.annotations
    assert found["text"] == "mill-1: its baseline began anew: new &lt;b&gt;spindle"
    assert "Ada" not in json.dumps(found)
    assert run(server, tmp_path, "annotate", "-p", str(plant)).startswith("annotations of demo: 0 posted, 1 there")
    told = json.loads(run(server, tmp_path, "annotate", "-p", str(plant), "--since", "1h", "--json"))
    assert (told["posted"], told["present"], told["left_out"]) == (0, 0, 0)


@pytest.mark.slow
def test_publishing_can_post_them_too(server: Stub, plant: Path, tmp_path: Path) -> None:
    told = json.loads(run(server, tmp_path, "publish", "--annotations", str(plant), "--json"))
    assert told["gatewatch-overview"] == "created"
    assert told["annotations"]["posted"] == len(server.annotations) == 1
    told = run(server, tmp_path, "publish", "--annotations", str(plant))
    assert "gatewatch-overview: unchanged" in told
    assert "annotations of demo: 0 posted, 1 there already" in told
