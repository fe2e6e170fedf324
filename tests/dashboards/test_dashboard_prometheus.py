"""Every query parses and answers on a real Prometheus that scrapes a plant on which everything is watched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from dashboard_samples import Asked, asked, bounds, filled, now, snapshot, variables
from prometheus_kit import Prometheus, prometheus
from waits import until

from exporters.metrics.collector import exposition

pytestmark = pytest.mark.process


class _Plant(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        text, content_type = exposition(snapshot(now()), bounds(), self.headers.get("Accept", ""), process=True)
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has scraped the plant more than once."""
    plant = ThreadingHTTPServer(("127.0.0.1", 0), _Plant)
    Thread(target=plant.serve_forever, args=(0.02,), daemon=True).start()
    address = f"127.0.0.1:{plant.server_port}"
    with prometheus(tmp_path_factory.mktemp("prometheus"), {"gatewatch": [address]}) as server:
        until(lambda: server.query("count_over_time(gatewatch_build_info[1m]) > 1"), "two scrapes")
        yield server
    plant.shutdown()


@pytest.fixture(scope="module")
def chosen(scraped: Prometheus) -> dict[str, list[str]]:
    """All values of each variable, asked for in the order in which Grafana does."""
    found: dict[str, list[str]] = {}
    for name, (selector, label) in variables().items():
        found[name] = scraped.label_values(filled(selector, found), label)
    return found


def test_the_variables_offer_what_there_is(chosen: dict[str, list[str]]) -> None:
    (instance,) = chosen["instance"]
    assert instance.startswith("127.0.0.1:")
    assert {name: values for name, values in chosen.items() if name != "instance"} == {
        "gatewatch": ["http://127.0.0.1:9464"], "site": ["north"], "line": ["blades"], "step": ["forging"],
        "machine": ["F1"], "gate": ["shape"], "sensor": ["temperature"],
    }  # fmt: skip


@pytest.mark.parametrize("one", asked(), ids=lambda one: one.where)
def test_a_query_answers_with_the_labels_it_is_shown_by(
    one: Asked, scraped: Prometheus, chosen: dict[str, list[str]]
) -> None:
    answer = scraped.query(filled(one.expr, chosen))
    assert answer
    shown = {*re.findall(r"\{\{(\w+)\}\}", one.legend), *one.columns}
    # An empty label is as good as none to Prometheus: `feature` of a finding on a whole subject.
    assert all(shown <= set(series["metric"]) for series in answer)


def test_another_site_shows_nothing(scraped: Prometheus, chosen: dict[str, list[str]]) -> None:
    elsewhere = chosen | {"instance": scraped.label_values('gatewatch_plant_info{site=~"(south)"}', "instance")}
    assert [one.where for one in asked() if scraped.query(filled(one.expr, elsewhere))] == []
