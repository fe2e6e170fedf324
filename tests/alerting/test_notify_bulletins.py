"""The messages of a handover and of reports, in each language, against a golden file."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerting.notifications.bulletins import ReportNews, ShiftNews, bulletin_key, handover_text, report_text
from alerting.notifications.decide import Episode
from alerting.notifications.describe import MessageContext
from alerting.notifications.languages.sentences import LANGUAGES, Said, shipped
from alerting.specs.spec import Unit
from exporters.delivery.shared.shorten import shortened

GOLDEN = Path(__file__).parents[1] / "golden" / "messages"
BEGAN, NOW = datetime(2026, 3, 2, 5, tzinfo=UTC), datetime(2026, 3, 2, 13, tzinfo=UTC)
HOT = Said("outside_high", {"sensor": "temperature"}, {"value": (25.3, "degC"), "limit": (20.0, Unit.NUMBER)})


def standing(number: int) -> list[Episode]:
    first = Episode(1, "MachineOutOfSpec", "mill-2", "critical", "operators", "blades", "", BEGAN, details=(HOT,))
    others = [
        Episode(n, "SensorDead", f"press-{n}", "warning", "operators", "blades", "", BEGAN, details=())
        for n in range(2, number + 1)
    ]
    return [first, *others][:number]


BUSY = ShiftNews(
    "early", BEGAN, NOW, standing(9), 12, 5,
    [("machining", "uncertain", 8), ("coating", "out_of_distribution", 4)], 12,
    [("B000123", "machining", "scrap", "used")], 40,
)  # fmt: skip
QUIET = ShiftNews("night", BEGAN, NOW, [], 0, 0, [], 0, [], 0)
CHANGED = ReportNews(
    "daily", BEGAN.replace(day=1), NOW, 12, 5, 9, 12.5, 2, 1, [("machining", "3", "4"), ("coating", "", "1")],
    ["forging"], 2, 1, 1_234_567.0, 45_600.0, "USD", "plant/daily-2026-03-02-0600.html",
)  # fmt: skip
SAME = ReportNews(
    "weekly", BEGAN.replace(month=2, day=23), NOW, 0, 0, 0, 0.0, 0, 0, [], [f"s{n}" for n in range(7)], 0, 0, 0.0, None,
    "", "plant/weekly-2026-03-02-0600.html",
)  # fmt: skip


def context(language: str, pages: str = "https://gatewatch.example/") -> MessageContext:
    return MessageContext("north", lambda _: "", lambda _: shipped(language), pages, zone="Europe/Berlin")


def written(language: str) -> str:
    made = [
        handover_text(news, "operators", bulletin_key("operators", "handover", NOW), context(language))
        for news in (BUSY, QUIET)
    ]
    made += [
        report_text(news, "engineers", bulletin_key("engineers", news.kind, NOW), context(language, pages))
        for news, pages in ((CHANGED, "https://gatewatch.example/"), (SAME, ""))
    ]
    return "\n\n".join(f"{text.title}\n\n{text.body}" for text in made) + "\n"


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_told_by_the_clock_reads_as_it_did(language: str) -> None:
    file, text = GOLDEN / f"bulletins-{language}.txt", written(language)
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), "if meant: UPDATE_GOLDEN=1 pytest, then look at the difference"


def test_for_a_service_that_takes_little_the_period_and_the_link_stay() -> None:
    text = handover_text(BUSY, "operators", "operators:handover:x", context("en"))
    message = {"title": text.title, "body": text.body, "tail": text.tail,
               "pieces": [[piece.text, piece.alerts, piece.rank] for piece in text.pieces]}  # fmt: skip
    _, body = shortened(message, lambda title, body: len(title) + len(body) <= 400)
    assert body.startswith("from 06:00 (05:00 UTC) to 14:00 (13:00 UTC)")
    assert "handover?since=2026-03-02T05:00Z" in body
    assert "more alerts" in body
