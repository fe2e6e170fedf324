"""What leaves the process by name is documented, generated pages are current, links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from alerting.alerts import specs_docs
from alerting.specs.roster import ALERTS
from alerting.specs.spec import AlertSpec
from exporters.metrics import catalog_docs
from exporters.metrics.catalog import METRICS
from monitor import cli_docs
from monitor.cli import cli
from monitor.model import Reason, RejectReason, Verdict
from monitor.plant.file import docs as plant_docs
from monitor.plant.file.load import parse
from monitor.plant.sources import WRITE_BACK_FIELDS
from releasing import licences

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md")])
GENERATED = {
    "docs/reference/configuration.md": plant_docs.document,
    "docs/reference/metrics.md": catalog_docs.markdown,
    "docs/reference/alerts.md": specs_docs.markdown,
    "docs/reference/commands.md": cli_docs.markdown,
    "docs/reference/licences.md": licences.markdown,
}
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def text(name: str) -> str:
    """A page of the checkout."""
    return (ROOT / name).read_text(encoding="utf-8")


def commands(group: click.Group, prefix: str) -> Iterator[str]:
    """Every command that does something, as typed."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}"


COMMANDS = sorted(commands(cli, "gatewatch"))


@pytest.mark.parametrize("page", GENERATED)
@pytest.mark.slow
def test_a_generated_page_is_what_the_code_says(page: str) -> None:
    assert text(page) == GENERATED[page](), f"{page} is not current; run make generate"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_stands_in_the_readme(command: str) -> None:
    assert f"`{command}`" in text("README.md")


def test_the_readme_names_no_command_that_does_not_exist() -> None:
    told = re.findall(r"`(gatewatch [a-z]+(?: [a-z]+)?)`", text("README.md"))
    assert sorted(set(told)) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_section(command: str) -> None:
    assert f"## `{command}`\n" in text("docs/reference/commands.md")


@pytest.mark.parametrize("metric", [m.name for m in METRICS])
def test_every_metric_has_its_section(metric: str) -> None:
    assert f"## `{metric}`\n" in text("docs/reference/metrics.md")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_alert_has_its_section_with_what_to_do(alert: AlertSpec) -> None:
    assert f"## {alert.name}\n" in text("docs/reference/alerts.md")
    assert alert.action in text("docs/reference/alerts.md")


@pytest.mark.parametrize(
    ("page", "words"),
    [
        pytest.param("docs/explanation/gates.md", [*Reason, *Verdict], id="verdicts and reasons of a gate"),
        pytest.param("docs/how-to/map-sources.md", [*RejectReason], id="reasons of the quarantine"),
        pytest.param("docs/reference/configuration.md", [*WRITE_BACK_FIELDS], id="fields that can be written back"),
    ],
)
def test_every_word_of_a_closed_list_is_explained(page: str, words: list[str]) -> None:
    found = text(page)
    assert [str(word) for word in words if not re.search(rf"\b{word}\b", found)] == []


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings make."""
    headings = re.findall(r"^#+ (.+)$", _CODE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8"))):
        target, _, anchor = link.partition("#")
        if target.startswith(("http://", "https://")):
            continue
        file = (page.parent / target).resolve() if target else page
        if not file.is_file() or (anchor and anchor not in anchors(file)):
            broken.append(link)
    assert broken == []


def test_no_page_holds_a_merge_that_was_left_open() -> None:
    markers = re.compile(r"^(<<<<<<<|>>>>>>>)", re.MULTILINE)
    assert not [page.name for page in PAGES if markers.search(page.read_text(encoding="utf-8"))]


def test_the_map_of_the_packages_names_each_of_them() -> None:
    tops = ("alerting", "dashboards", "detectors", "exporters", "inference", "monitor")
    packages = {file.parent.relative_to(ROOT).as_posix() for top in tops for file in ROOT.glob(f"{top}/**/__init__.py")}
    assert set(re.findall(r"^\| `([a-z_/]+)/` \|", text("docs/development.md"), re.MULTILINE)) == packages


def test_the_plant_file_of_the_readme_has_no_problem(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```", text("README.md"), re.MULTILINE | re.DOTALL)
    secrets = dict.fromkeys(re.findall(r"\$\{(\w+)\}", example), "secret")
    plant = parse(example, tmp_path, secrets).plant
    assert plant.gates["press"].inputs()[-1] == "press.hardness"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_yaml_example_can_be_read(page: Path) -> None:
    for example in re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        assert isinstance(yaml.safe_load(example), dict)


def test_the_makefile_has_every_target_that_the_pages_name() -> None:
    told = {target for page in PAGES for target in re.findall(r"`make ([a-z]+)", page.read_text(encoding="utf-8"))}
    assert told <= set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    assert {"demo", "test", "soak"} <= told


def test_the_readme_starts_with_the_two_commands() -> None:
    assert re.findall(r"^make [a-z]+", text("README.md"), re.MULTILINE)[:2] == ["make demo", "make test"]
