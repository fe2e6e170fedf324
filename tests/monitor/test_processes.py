"""Work in a child process: many folders by one child, an end in time, and none that outlives its parent."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fork_kit import ended, forked

from monitor.processes import Worker

pytestmark = pytest.mark.process

_MODULE = """
import os, sys, time
from pathlib import Path
from monitor.processes import serve

def work(folder):
    print("what a library prints is no answer")
    (folder / "pid").write_text(str(os.getpid()))
    task = (folder / "task").read_text()
    if task == "fail":
        raise ValueError("the reason")
    if task == "wait":
        (folder / "waiting").touch()
        time.sleep(600)
    (folder / "made").write_text(task)

if __name__ == "__main__":
    serve(work)
"""


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    (tmp_path / "made_for_this_test.py").write_text(_MODULE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))
    with Worker("made_for_this_test") as worker:
        yield worker


def folder(root: Path, name: str, task: str) -> Path:
    made = root / name
    made.mkdir()
    (made / "task").write_text(task)
    return made


def nothing() -> None:
    """A beat that lets the child go on."""


def gone(pid: int) -> bool:
    """Whether a process, also one that is no child of this one, has ended or ends within half a minute."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 30)[0])
    finally:
        os.close(process)


def test_one_child_works_on_one_folder_after_the_other(worker: Worker, tmp_path: Path) -> None:
    folders = [folder(tmp_path, name, name) for name in ("first", "second with a blank")]
    assert all(worker.work(each, nothing) for each in folders)
    assert [(each / "made").read_text() for each in folders] == ["first", "second with a blank"]
    assert len({(each / "pid").read_text() for each in folders}) == 1


def test_work_that_fails_leaves_nothing_but_its_last_words(worker: Worker, tmp_path: Path) -> None:
    failing = folder(tmp_path, "failing", "fail")
    assert worker.work(failing, nothing)
    assert not (failing / "made").exists()
    assert worker.last_stderr_line == "ValueError: the reason"
    after = folder(tmp_path, "after", "goes on")
    assert worker.work(after, nothing)
    assert (after / "made").read_text() == "goes on"


def test_work_that_takes_too_long_is_ended(worker: Worker, tmp_path: Path) -> None:
    slow = folder(tmp_path, "slow", "wait")
    assert not worker.work(slow, nothing, seconds=3)
    assert gone(int((slow / "pid").read_text()))


def test_a_beat_that_raises_ends_the_child(worker: Worker, tmp_path: Path) -> None:
    slow = folder(tmp_path, "slow", "wait")

    def over() -> None:
        if (slow / "waiting").exists():
            raise RuntimeError("over")

    with pytest.raises(RuntimeError, match="over"):
        worker.work(slow, over)
    assert gone(int((slow / "pid").read_text()))


def test_a_child_whose_module_cannot_be_found_says_so(tmp_path: Path) -> None:
    with Worker("there_is_no_such_module") as worker:
        assert worker.work(folder(tmp_path, "any", "any"), nothing)
        assert "there_is_no_such_module" in worker.last_stderr_line


@pytest.mark.skipif(sys.platform != "linux", reason="other systems let a child outlive a parent that is killed")
def test_a_child_at_work_dies_with_a_parent_that_is_killed(worker: Worker, tmp_path: Path) -> None:
    slow = folder(tmp_path, "slow", "wait")

    def killed() -> None:
        if (slow / "waiting").exists():
            os.kill(os.getpid(), signal.SIGKILL)

    assert ended(forked(lambda: worker.work(slow, killed))) == -signal.SIGKILL
    assert gone(int((slow / "pid").read_text()))


def test_a_child_without_work_ends_with_its_parent(worker: Worker, tmp_path: Path) -> None:
    done = folder(tmp_path, "done", "quick")
    assert ended(forked(lambda: worker.work(done, nothing))) == 0
    assert gone(int((done / "pid").read_text()))
