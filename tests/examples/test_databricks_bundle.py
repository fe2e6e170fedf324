"""The asset bundle for Databricks: every variable is declared, and every command of its job is one of ours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from monitor.cli import cli

BUNDLE = Path(__file__).parents[2] / "examples" / "databricks"


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((BUNDLE / name).read_text(encoding="utf-8"))
    return found


def _job() -> dict[str, Any]:
    (job,) = _read("resources/backfill.yml")["resources"]["jobs"].values()
    return dict(job)


def test_variables_are_declared_and_used() -> None:
    declared = _read("databricks.yml")["variables"]
    used = set(re.findall(r"\$\{var\.(\w+)\}", (BUNDLE / "resources" / "backfill.yml").read_text(encoding="utf-8")))
    assert used == set(declared)
    assert all(set(entry) == {"description", "default"} for entry in declared.values())


def test_targets_set_declared_variables_only_and_one_is_the_default() -> None:
    bundle = _read("databricks.yml")
    targets = bundle["targets"]
    assert [name for name, target in targets.items() if target.get("default")] == ["development"]
    assert {name for target in targets.values() for name in target.get("variables", {})} <= set(bundle["variables"])
    assert bundle["include"] == ["resources/*.yml"]


def test_tasks_run_our_commands_with_options_that_exist_on_the_jobs_cluster() -> None:
    job = _job()
    clusters = {cluster["job_cluster_key"] for cluster in job["job_clusters"]}
    names = [task["task_key"] for task in job["tasks"]]
    for task in job["tasks"]:
        wheel = task["python_wheel_task"]
        assert (wheel["package_name"], wheel["entry_point"]) == ("gatewatch", "gatewatch")
        assert task["job_cluster_key"] in clusters
        assert {one["task_key"] for one in task.get("depends_on", ())} <= set(names)
        command, *arguments = wheel["parameters"]
        known = cli.commands[command].params
        options = {option for parameter in known for option in (*parameter.opts, *parameter.secondary_opts)}
        assert {text.partition("=")[0] for text in arguments if text.startswith("--")} <= options


def test_two_runs_never_replace_the_same_tables_and_permissions_name_groups() -> None:
    job = _job()
    assert job["max_concurrent_runs"] == 1
    levels = {"CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"}
    assert all(set(entry) == {"group_name", "level"} and entry["level"] in levels for entry in job["permissions"])
