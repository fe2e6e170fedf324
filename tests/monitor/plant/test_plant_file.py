"""Loading a plant file: what of it is kept, overridden, expanded, filled in and compared."""

from __future__ import annotations

import hashlib
import logging
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from plant_cases import ENVIRON, GOOD

from monitor.errors import PlantFileError
from monitor.model import ClassSpec, Verdict
from monitor.plant.features import feature_names
from monitor.plant.file.load import LoadedPlant, difference, load, needs_restart, parse
from monitor.plant.file.paths import resolve_path, resolve_url
from monitor.plant.sources import OutcomeSource, PartSource, ReadingSource

SMALL = """\
version: 1
site: north
steps: {forge: {line: a}}
sources:
  mes: {kind: part_steps, url: "sqlite:///mes.db", table: t, at: ts, serial: sn, step: op}
  "mes.b": {kind: part_steps, url: "sqlite:///mes.db", table: t, at: ts, serial: sn, step: op, values: {a: A, b: B}}
"""


def good(*overrides: str, environ: dict[str, str] = ENVIRON) -> LoadedPlant:
    return load(GOOD, overrides, environ)


def small(values: str = "", **environ: str) -> LoadedPlant:
    return parse(SMALL.replace("a: A, b: B", values or "a: A"), Path("/plants"), environ)


def told(text: str, **environ: str) -> tuple[str, ...]:
    with pytest.raises(PlantFileError) as caught:
        parse(text, Path("/plants"), environ)
    return caught.value.problems


def test_every_kind_of_source_is_read() -> None:
    kinds = [source.kind for source in good().plant.sources.values()]
    assert kinds == ["part_steps", "readings", "readings", "machine_states", "outcomes", "dispositions"]


CLASSES = """
characteristics:
  leak: {pass_fail: correct}
  surface:
    classes:
      crack: {value: 7, means: scrap}
      none: {value: 0, means: continue}
      scratch: {value: 2, means: correct}
gates:
  tight: {step: forge, characteristic: leak, model: m, kind: classifier, covariates: [a], coverage: 0.8}
"""


def test_classes_stand_in_the_order_of_their_numbers() -> None:
    plant = parse(SMALL + CLASSES, Path("/plants"), {}).plant
    surface = plant.characteristics["surface"].class_spec(0.9)
    assert surface is not None
    assert (surface.names, surface.values) == (("none", "scratch", "crack"), (0, 2, 7))
    assert surface.meanings == (Verdict.CONTINUE, Verdict.CORRECT, Verdict.SCRAP)
    assert [surface.index(value) for value in (7.0, 0, 2, 1, 0.5, None)] == [2, 0, 1, None, None, None]


def test_pass_and_fail_are_two_classes_by_which_a_gate_decides_at_its_coverage() -> None:
    plant = parse(SMALL + CLASSES, Path("/plants"), {}).plant
    gate, characteristic = plant.gates["tight"], plant.characteristics["leak"]
    rule = plant.rules_of(gate)(datetime(2000, 1, 1, tzinfo=UTC))
    assert rule == plant.classes_of(gate)
    assert rule == ClassSpec(("passed", "failed"), (0, 1), (Verdict.CONTINUE, Verdict.CORRECT), 0.8)
    assert characteristic.spec_at(datetime(2026, 1, 1, tzinfo=UTC)) is None


def test_values_are_read_as_they_are_meant() -> None:
    plant = good().plant
    mes, lab = plant.sources["mes"], plant.sources["lab"]
    assert isinstance(mes, PartSource)
    assert isinstance(lab, OutcomeSource)
    assert (mes.step.codes, mes.late_by, mes.at.zone) == (
        {"10": "forge", "20": "machine"},
        timedelta(hours=2),
        "Europe/Berlin",
    )
    assert mes.values["p07"].missing == [0, "N/A"]
    assert plant.gates["blade"].training.every == timedelta(minutes=90)
    assert plant.store.retention.parts is None
    assert plant.characteristics["thickness"].specs[1].since == datetime(2026, 5, 31, 22, tzinfo=UTC)
    assert feature_names("surface", mes.values["surface"]) == ("surface_mean", "surface_std", "surface_gradient")


def test_words_of_yaml_1_1_stay_words() -> None:
    states = good().plant.sources["states"]
    assert states.state.codes == {"on": "run", "off": "down", "2": "setup"}  # type: ignore[union-attr]
    assert parse(SMALL.replace("table: t,", "table: no,"), Path("/plants"), {}).plant.sources["mes"].table == "no"


def test_without_overrides_the_text_is_the_file_and_the_digest_its_sha256() -> None:
    loaded = good()
    assert loaded.text == GOOD.read_text()
    assert loaded.digest == hashlib.sha256(GOOD.read_bytes()).hexdigest()
    assert loaded.path == GOOD


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert load(path).text == SMALL


def test_a_stored_text_gives_the_same_plant_again() -> None:
    for loaded in (good(), good("sources.mes.values.p05.column=Q", "gates.blade.profile=['p{01..04}']")):
        again = parse(loaded.text, GOOD.parent, ENVIRON)
        assert (again.plant, again.text, again.digest) == (loaded.plant, loaded.text, loaded.digest)


@pytest.mark.parametrize(
    ("option", "read", "value"),
    [
        pytest.param("server.port=0", lambda p: p.server.port, 0, id="a number"),
        pytest.param("site=south", lambda p: p.site, "south", id="text"),
        pytest.param("site='0010'", lambda p: p.site, "0010", id="quoted text"),
        pytest.param("mlflow.experiment=a", lambda p: p.mlflow.experiment, "a", id="a key under one not yet there"),
        pytest.param("write_back=", lambda p: p.write_back, None, id="nothing"),
        pytest.param("store.url=sqlite:////a?b=c", lambda p: p.store.url, "sqlite:////a?b=c", id="a value with ="),
        pytest.param("gates.blade.covariates=[]", lambda p: p.gates["blade"].covariates, [], id="a list"),
        pytest.param(
            "gates.blade.covariates.1=surface_std",
            lambda p: p.gates["blade"].covariates[1],
            "surface_std",
            id="an item",
        ),
        pytest.param(
            "gates.blade.profile=['p{02..05}']", lambda p: p.gates["blade"].profile[0], "p02", id="a range in a list"
        ),
        pytest.param(
            "sources.mes.values.p30.scale=2",
            lambda p: p.sources["mes"].values["p30"].scale,
            2,
            id="one member of a range",
        ),
        pytest.param("sources.mes.at={column: x, epoch: s}", lambda p: p.sources["mes"].at.epoch, "s", id="a mapping"),
        pytest.param('sources."mes".lot=l', lambda p: p.sources["mes"].lot, "l", id="a name in quotes"),
        pytest.param(
            'machines."b.2"={step: forge}', lambda p: p.machines["b.2"].step, "forge", id="a new name with a dot"
        ),
        pytest.param(
            "store.retention.parts=${AGE}", lambda p: p.store.retention.parts, timedelta(days=9), id="a reference"
        ),
    ],
)
def test_any_key_can_be_overridden(option, read, value) -> None:
    assert read(good(option, environ={**ENVIRON, "AGE": "9d"}).plant) == value


def test_of_two_overrides_of_one_key_the_later_counts() -> None:
    assert good("site=a", "site=b").plant.site == "b"


def test_an_override_changes_text_and_digest() -> None:
    assert "port: 9999" in good("server.port=9999").text
    assert len({good().digest, good("server.port=9999").digest, good("server.port=9998").digest}) == 3


def test_an_override_can_mend_a_wrong_file(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(SMALL.replace("site: north", "site: [1]"))
    assert load(path, ["site=north"], {}).plant.site == "north"


@pytest.mark.parametrize(
    ("written", "columns"),
    [
        pytest.param('"p{1..3}": "P{1..3}"', {"p1": "P1", "p2": "P2", "p3": "P3"}, id="a plain range"),
        pytest.param('"p{08..10}": "P{8..10}"', {"p08": "P8", "p09": "P9", "p10": "P10"}, id="a padded range"),
        pytest.param('"p{1..2}": "P{0..1}"', {"p1": "P0", "p2": "P1"}, id="a range that starts elsewhere"),
        pytest.param('"p{1..2}": {column: "{1..2}P{1..2}"}', {"p1": "1P1", "p2": "2P2"}, id="a range twice in a value"),
        pytest.param('"p{1..1}": P', {"p1": "P"}, id="a range of one, and a value without"),
        pytest.param(
            '"p{1..2}": "P{1..2}", "q{1..3}": "Q{1..3}"',
            {"p1": "P1", "p2": "P2", "q1": "Q1", "q2": "Q2", "q3": "Q3"},
            id="two ranges side by side",
        ),
        pytest.param(
            "<<: {a: A, b: B}, b: C", {"a": "A", "b": "C"}, id="a merged mapping, of which own keys count more"
        ),
        pytest.param(
            "<<: [{a: A}, {a: B, b: B}]", {"a": "A", "b": "B"}, id="two merged mappings, the first counting more"
        ),
    ],
)
def test_ranges_and_merges_expand(written: str, columns: dict[str, str]) -> None:
    source = small(written).plant.sources["mes.b"]
    assert isinstance(source, PartSource)
    made = {name: column.column for name, column in source.values.items()}
    assert made == columns


def test_a_range_within_a_ranged_entry_is_its_own() -> None:
    loaded = parse(
        SMALL
        + """\
  press:
    {kind: readings, url: "sqlite:///h.db", table: r, at: ts, machine: m, values: {"s{1..3}": "S{1..3}"}}
machines:
  m{1..2}: {step: forge, sensors: {"s{1..3}": {unit: "u{1..2}v{1..3}"}}}
""",
        Path("/plants"),
        {},
    )
    units = {(m, s): x.unit for m, machine in loaded.plant.machines.items() for s, x in machine.sensors.items()}
    assert units == {(f"m{m}", f"s{s}"): f"u{m}v{s}" for m in (1, 2) for s in (1, 2, 3)}


def test_references_are_filled_only_in_the_plant() -> None:
    loaded = good()
    assert loaded.plant.sources["mes"].url == "postgresql+psycopg://reader:hunter2@mes.example/mes"
    assert "hunter2" not in loaded.text + repr(loaded) + repr(loaded.plant)
    assert good(environ={"MES_PASSWORD": "other"}).digest == loaded.digest


@pytest.mark.parametrize(
    ("table", "filled"),
    [
        pytest.param("${A}", "x", id="a variable"),
        pytest.param("${A}_${B}", "x_${A}", id="two variables, their values taken as they are"),
        pytest.param("$${A}", "${A}", id="a doubled dollar"),
        pytest.param("$A", "$A", id="a dollar alone"),
        pytest.param("${file:secret}", "s3cret", id="a file beside the plant file, without its line break"),
    ],
)
def test_references_in_values(table: str, filled: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\r\n")
    loaded = parse(SMALL.replace("table: t,", f'table: "{table}",', 1), tmp_path, {"A": "x", "B": "${A}"})
    assert loaded.plant.sources["mes"].table == filled


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"\xff\xfe", "expected UTF-8 text", id="no text"),
        pytest.param(b"x" * 70_000, "expected a file of at most 65536 bytes", id="too large"),
    ],
)
def test_a_secret_file_that_cannot_be_one(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(PlantFileError) as caught:
        parse(SMALL.replace("site: north", "site: ${file:secret}"), tmp_path, {})
    assert caught.value.problems == (f"plant.yaml:2: site: ${{file:secret}}: {words}",)


@pytest.mark.parametrize("secret", ["hunter2", "hunter2." * 20, "a'b\"hunter2\\", "x.hunter2.y", "hunter2\nhunter2"])
@pytest.mark.parametrize(
    "text",
    [
        "SECRET",
        "site: SECRET",
        "version: [SECRET]",
        "clock_skew: SECRET",
        "server: {port: SECRET}",
        "store: {url: SECRET}",
        "mlflow: {tracking_uri: SECRET}",
        "mlflow: {registry_uri: SECRET}",
        "machines: {m: {step: SECRET}}",
        "steps: {forge: {line: a, on_hold: SECRET}}",
        "gates: {g: {step: forge, characteristic: SECRET, model: m, profile: [SECRET, SECRET, SECRET, SECRET]}}",
        "characteristics: {c: {specs: [{since: SECRET, lower: 1}]}}",
        "write_back: {columns: {site: SECRET, serial: SECRET}}",
        "sources: {s: {kind: SECRET}}",
        "sources: {s: {kind: part_steps, at: {column: c, zone: SECRET}, step: {column: s, codes: {1: SECRET}}}}",
        "sources: {s: {kind: part_steps, url: SECRET, serial: s, partitions: {a: [SECRET, SECRET]}}}",
    ],
)
def test_no_message_shows_a_secret(text: str, secret: str, caplog: pytest.LogCaptureFixture) -> None:
    try:
        parse(text.replace("SECRET", '"${S}"'), Path("/plants"), {"S": secret})
    except PlantFileError:
        logging.getLogger().exception("refused")
    assert "plant.yaml" in caplog.text
    assert "hunter" not in caplog.text


def test_a_secret_that_fits_nowhere_is_shown_as_its_reference() -> None:
    (line,) = told(SMALL.replace("step: op}", "step: {column: op, codes: {1: '${S}'}}}", 1), S="hunter2")
    assert line == "plant.yaml:5: sources.mes.step.codes.1: unknown step '${S}'; allowed: forge"


def test_an_unset_variable_does_not_hide_other_problems() -> None:
    lines = told(SMALL.replace("sqlite:///mes.db", "postgresql://u:${P}@h/d", 1).replace("{line: a}", "{line: 5}"))
    assert lines == (
        "plant.yaml:3: steps.forge.line: expected a name, found the number 5; put it in quotes",
        "plant.yaml:5: sources.mes.url: environment variable P is not set",
    )


@pytest.mark.parametrize(
    ("url", "resolved"),
    [
        pytest.param("sqlite:///x.db", "sqlite:////plants/a/x.db", id="a relative file"),
        pytest.param(
            "sqlite+pysqlite:///b/x.db?timeout=5",
            "sqlite+pysqlite:////plants/a/b/x.db?timeout=5",
            id="driver and query",
        ),
        pytest.param(
            "sqlite:///file:x.db?mode=ro&uri=true", "sqlite:///file:/plants/a/x.db?mode=ro&uri=true", id="a file: name"
        ),
        pytest.param("sqlite:////x.db", "sqlite:////x.db", id="an absolute file"),
        pytest.param("sqlite:///:memory:", "sqlite:///:memory:", id="memory"),
        pytest.param("sqlite://", "sqlite://", id="memory by no name"),
        pytest.param("postgresql://h/x.db", "postgresql://h/x.db", id="another database"),
    ],
)
def test_relative_sqlite_files_start_at_the_folder(url: str, resolved: str) -> None:
    assert resolve_url(url, Path("/plants/a")) == resolved


def test_every_relative_path_of_a_plant_is_made_absolute() -> None:
    fields = "site: a, serial: b, step: c, visit: d, revision: e, recommendation: f"
    write_back = f"write_back: {{url: 'sqlite:///w.db', table: t, columns: {{{fields}}}}}\n"
    plant = parse(SMALL + write_back, Path("/plants"), {}).plant
    assert plant.write_back is not None
    assert [source.url for source in plant.sources.values()] == ["sqlite:////plants/mes.db"] * 2
    assert (plant.store.url, plant.write_back.url) == ("sqlite:////plants/gatewatch.db", "sqlite:////plants/w.db")
    assert plant.mlflow.model_dump() == {
        "tracking_uri": "sqlite:////plants/mlflow.db",
        "registry_uri": None,
        "artifacts": "/plants/mlartifacts",
        "experiment": "gatewatch",
        "cache": "/plants/models",
    }
    assert resolve_path("s3://bucket/models", Path("/plants")) == "s3://bucket/models"


@pytest.mark.parametrize(
    ("options", "changed", "restart"),
    [
        pytest.param([], [], [], id="nothing"),
        pytest.param(["clock_skew=300s"], [], [], id="the same in other words"),
        pytest.param(["server.port=1", "clock_skew=1m"], ["clock_skew", "server.port"], ["server.port"], id="two keys"),
        pytest.param(
            ["store.url=sqlite:///b.db", "store.lease=5s"], ["store.lease", "store.url"], ["store.url"], id="the store"
        ),
        pytest.param(['machines."m.7"={step: forge}'], ['machines."m.7"'], [], id="a new machine as a whole"),
        pytest.param(
            ["gates.blade.profile.0=p30", "gates.blade.profile.29=p01"],
            ["gates.blade.profile"],
            [],
            id="a list as a whole",
        ),
        pytest.param(["write_back="], ["write_back"], [], id="a part that is gone"),
    ],
)
def test_differences_are_named_by_key(options: list[str], changed: list[str], restart: list[str]) -> None:
    old, new = good(), good(*options)
    assert difference(old, new) == changed
    assert difference(new, old) == changed
    assert needs_restart(old, new) == restart


def test_a_new_password_is_a_difference_though_the_text_is_the_same() -> None:
    assert difference(good(), good(environ={"MES_PASSWORD": "new"})) == ["sources.mes.url", "write_back.url"]


def test_wide_readings_name_their_sensors() -> None:
    source = good().plant.sources["historian_wide"]
    assert isinstance(source, ReadingSource)
    assert source.values["temperature"].offset == -17.78


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        ("{nix: '10'}", "write_back.codes.step.nix: unknown step 'nix'"),
        ("{a: b}", "'b' is also written for step 'b'"),
    ],
    ids=["a step that is none", "the name of another step"],
)
def test_a_code_that_is_written_stands_for_one_step(codes: str, said: str) -> None:
    fields = "site: a, serial: b, step: c, visit: d, revision: e, recommendation: f"
    text = (
        "version: 1\nsite: s\nsteps: {a: {line: l}, b: {line: l}}\nsources:\n  p: {kind: part_steps, url: "
        "'sqlite:///p.db', table: t, serial: s, step: o, at: at}\nwrite_back: {url: 'sqlite:///w.db', table: t, "
        f"columns: {{{fields}}}, codes: {{step: {codes}}}}}\n"
    )
    with pytest.raises(PlantFileError, match=re.escape(said)):
        parse(text, Path("/plants"), {})


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("1 per machine and month", 30), ("2 per machine and month", 15), ("1 per machine and day", 1),
        ("1 per machine and year", 365), ("7 per machine and week", 1),
    ],
)  # fmt: skip
def test_false_alarms_are_the_time_between_two(text: str, days: int) -> None:
    assert good(f"detectors={{false_alarms: {text}}}").plant.detectors.false_alarms == timedelta(days=days)


def test_a_machine_has_a_good_period_only_where_it_is_given() -> None:
    period = "{since: '2026-01-01T00:00:00Z', until: '2026-02-01T00:00:00+01:00'}"
    machines = good(f"machines.press1.reference={period}").plant.machines
    assert machines["mill1"].reference is None
    known = machines["press1"].reference
    assert known is not None
    assert (known.since, known.until) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 31, 23, tzinfo=UTC))


@pytest.mark.parametrize(
    ("keys", "registry"),
    [
        ("tracking_uri: databricks, experiment: /Shared/g", "databricks-uc"),
        ("tracking_uri: 'databricks://line7', experiment: /Shared/g", "databricks-uc://line7"),
        ("registry_uri: databricks-uc", "databricks-uc"),
        ("registry_uri: 'sqlite:///versions.db'", "sqlite:////plants/versions.db"),
        ("tracking_uri: 'https://mlflow.plant'", "https://mlflow.plant"),
    ],
)
def test_versions_are_registered_where_runs_are_or_at_an_address_of_their_own(keys: str, registry: str) -> None:
    text = (Path(__file__).parent / "plants" / "good.yaml").read_text().replace("blade-shape", "main.plant.blade")
    plant = parse(f"{text}\nmlflow: {{{keys}}}\n", Path("/plants"), {"MES_PASSWORD": "p"}).plant
    assert plant.mlflow.registry == registry
    assert {gate.model for gate in plant.gates.values()} >= {"main.plant.blade"}
