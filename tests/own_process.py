"""Tests in a process of their own: those that use a library with threads, after which nothing could be forked.

Such a test (mark `own_process`) runs in a forked process with its own fixtures; of module and session too, so these
should be cheap, and nothing is torn down: the process is gone.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from _pytest.reports import TestReport
from _pytest.runner import runtestprotocol
from fork_kit import ended, forked, may_fork


def run_apart(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Run a test in a forked process and log what it reported; here, what the next one does not need is torn down."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _run(item):
        item.ihook.pytest_runtest_logreport(report=report)
    item.session._setupstate.teardown_exact(nextitem)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _run(item: pytest.Item) -> Sequence[TestReport]:
    if not may_fork():
        return [_failed(item, "a library has threads here already: an earlier test lacks the mark own_process")]
    reading, writing = os.pipe()
    pid = forked(lambda: _report(item, writing))
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        told = pipe.read()
    return _reports(item, told, ended(pid))


def _report(item: pytest.Item, writing: int) -> None:
    """Run the test and write its reports."""
    # As if the same test came next: so nothing that other tests use is torn down.
    reports = runtestprotocol(item, log=False, nextitem=item)
    data = [item.config.hook.pytest_report_to_serializable(config=item.config, report=one) for one in reports]
    with os.fdopen(writing, "w", encoding="utf-8") as pipe:
        pipe.write(json.dumps(data))
    sys.stdout.flush()
    sys.stderr.flush()


def _reports(item: pytest.Item, told: str, code: int) -> Sequence[TestReport]:
    if code == 0 and told:
        load = item.config.hook.pytest_report_from_serializable
        return [load(config=item.config, data=_as_reported(data)) for data in json.loads(told)]
    return [_failed(item, f"its process ended with {code} and no report")]


def _as_reported(data: dict[str, Any]) -> dict[str, Any]:
    """A report as pytest has it: where and why a test was skipped is a tuple, of which JSON makes a list."""
    why = data["longrepr"]
    return {**data, "longrepr": tuple(why) if isinstance(why, list) else why}


def _failed(item: pytest.Item, words: str) -> TestReport:
    return TestReport(item.nodeid, item.location, {}, "failed", words, "call")
