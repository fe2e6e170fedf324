"""Work in a child process: many folders by one child, an end in time, and none that outlives its parent."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from fork_kit import ended, forked
from waits import gone

from monitor import processes
from monitor.processes import Arrays, Worker, both, use_second_core

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


def numbered() -> Arrays:
    """The process that computes this."""
    return (np.array(os.getpid()),)


@pytest.fixture
def second_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_SECOND_CORE", threading.Event())
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    use_second_core()


def test_two_functions_are_computed_here_unless_a_second_core_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_SECOND_CORE", threading.Event())
    assert both(os.getpid, numbered) == (os.getpid(), (os.getpid(),))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    use_second_core()
    assert both(os.getpid, numbered) == (os.getpid(), (os.getpid(),))


@pytest.mark.skipif(sys.platform != "linux", reason="the cores of a process are known on Linux")
@pytest.mark.usefixtures("second_core")
class TestOnTwoCores:
    def test_the_second_one_is_computed_by_a_copy_that_ends(self) -> None:
        more = np.arange(100_000.0).reshape(2, -1)  # than a pipe holds
        more[1, 3] = np.nan
        first, (second, *arrays) = both(os.getpid, lambda: (*numbered(), more, more[:0] > 1))
        assert first == os.getpid() != int(second)
        assert [array.tobytes() for array in arrays] == [more.tobytes(), b""]
        assert gone(int(second))

    def test_an_exception_is_raised_as_ever_whichever_it_is_of(self, tmp_path: Path) -> None:
        def fails() -> NoReturn:
            raise ValueError("the reason")

        def waits() -> tuple[()]:
            (tmp_path / "pid").write_text(str(os.getpid()))
            time.sleep(600)
            return ()

        def waited() -> None:
            while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
                time.sleep(0.01)
            fails()

        with pytest.raises(ValueError, match="the reason"):
            both(int, fails)
        with pytest.raises(ValueError, match="the reason"):
            both(waited, waits)
        assert gone(int((tmp_path / "pid").read_text()))

    def test_what_a_killed_copy_did_not_compute_is_computed_here(self) -> None:
        here = os.getpid()

        def killed_elsewhere() -> Arrays:
            if os.getpid() != here:
                os.kill(os.getpid(), signal.SIGKILL)
            return numbered()

        assert both(int, killed_elsewhere) == (0, (here,))
