"""Pictures of parts on their way from a source to the store and to the gate that judges them."""

from __future__ import annotations

import shutil
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from fork_kit import ended, forked
from picture_kit import GATE, PICTURES, SPEC, Brightness, add, failing, plain, png, texture, with_pictures
from spine_kit import HOLDER, Spine, after
from waits import HANGS

from monitor.clock import SimulatedClock
from monitor.errors import StoreError
from monitor.jobs.prune import PruneJob
from monitor.jobs.reconcile import ReconcileJob
from monitor.model import Page, Prediction
from monitor.pictures import Picture, restore
from monitor.pipeline.judging import BATCH_OF_PICTURES, Deadline, InForce
from monitor.plant.running import Retention
from monitor.runtime.app import reconcile_scope
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import acquire
from monitor.store.rows.pictures import StoredPictures, picture_of, with_picture
from monitor.store.rows.refusals import ask_again

DAY = timedelta(days=1)


def pull(spine: Spine, minutes: float = 60, batch_rows: int = 1000) -> None:
    spine.run(spine.pull("parts", batch_rows=batch_rows), after(minutes))


def pictures(spine: Spine) -> list[tuple[int, str, list[list[int]]]]:
    return [(row.arrival, row.name, restore(bytes(row.png)).tolist()) for row in spine.all(t.picture)]


def decided(spine: Spine) -> list[tuple[str, str, str, float | None]]:
    return spine.all(t.decision, "serial", "verdict", "reason", "predicted")


def test_a_part_is_judged_by_its_picture_which_is_stored_under_its_row(store: Store, tmp_path: Path) -> None:
    spine = with_pictures(tmp_path, store)
    add(spine, "DARK", after(1), png(plain(40)))
    add(spine, "LIGHT", after(2), png(plain(200)))
    add(spine, "UNSEEN", after(3), None)
    add(spine, "BROKEN", after(4), b"no picture")
    pull(spine)
    assert decided(spine) == [
        ("DARK", "continue", "in_spec", failing(40)),
        ("LIGHT", "scrap", "out_of_spec", failing(200)),
        ("UNSEEN", "hold", "incomplete_input", None),
    ]
    assert pictures(spine) == [(1, "photo", plain(40).tolist()), (2, "photo", plain(200).tolist())]
    assert spine.all(t.quarantine, "reason", "column") == [("bad_image", "PHOTO")]
    values = spine.all(t.part_step, "values")
    assert values[0]["photo_mean"] == 40.0
    assert "photo_mean" not in values[2]
    spine.close()


def test_a_correction_brings_its_own_picture_and_decides_nothing(store: Store, tmp_path: Path) -> None:
    spine = with_pictures(tmp_path, store)
    add(spine, "A", after(1), png(plain(40)))
    pull(spine, 5)
    add(spine, "A", after(1), png(plain(200)), known=after(6))
    pull(spine, 60)
    assert spine.all(t.part_step, "revision") == [0, 1]
    assert pictures(spine) == [(1, "photo", plain(40).tolist()), (2, "photo", plain(200).tolist())]
    assert decided(spine) == [("A", "continue", "in_spec", failing(40))]
    spine.close()


def test_another_picture_with_equal_statistics_is_a_correction_and_the_same_one_is_not(
    store: Store, tmp_path: Path
) -> None:
    spine = with_pictures(tmp_path, store)
    seen = texture("good", 1)
    add(spine, "A", after(1), png(seen))
    pull(spine, 5)
    add(spine, "A", after(1), png(seen), known=after(6))
    pull(spine, 10)
    assert spine.all(t.part_step, "revision") == [0]
    add(spine, "A", after(1), png(np.ascontiguousarray(seen[:, ::-1])), known=after(11))
    pull(spine, 15)
    assert spine.all(t.part_step, "revision") == [0, 1]
    assert [np.array(kept).tolist() for _, _, kept in pictures(spine)] == [seen.tolist(), seen[:, ::-1].tolist()]
    spine.close()


def test_rows_of_before_the_gate_judged_pictures_are_seen_still(store: Store, tmp_path: Path) -> None:
    before = with_pictures(tmp_path, store, {"d: D}": PICTURES["d: D}"]})
    before.plant = before.plant.model_copy(update={"gates": {}})
    add(before, "A", after(1), png(plain(40)))
    pull(before, 5)
    before.close()
    (tmp_path / "mes.db").rename(tmp_path / "kept.db")
    since = with_pictures(tmp_path, store)
    (tmp_path / "kept.db").rename(tmp_path / "mes.db")
    pull(since, 6)
    assert since.all(t.part_step, "revision") == [0]
    assert since.all(t.picture) == []
    assert since.tally("gatewatch_source_rows_total", source="parts", outcome="corrected") == 0
    since.close()


LATER = {
    GATE: "kind: image, image: form.photo,",
    "form: {step: form, characteristic": "form: {step: coat, characteristic",
    "d: D}": PICTURES["d: D}"],
    SPEC: PICTURES[SPEC],
}


@pytest.mark.parametrize("batch_rows", [1, 1000], ids=["from the store", "from the same page"])
def test_a_gate_of_a_later_step_judges_the_picture_of_an_earlier_one(
    batch_rows: int, store: Store, tmp_path: Path
) -> None:
    spine = with_pictures(tmp_path, store, LATER)
    add(spine, "A", after(1), png(plain(40)))
    add(spine, "A", after(2), png(plain(200)), step="coat")
    add(spine, "B", after(3), png(plain(41)), step="coat")
    pull(spine, batch_rows=batch_rows)
    assert decided(spine) == [("A", "continue", "in_spec", failing(40)), ("B", "hold", "incomplete_input", None)]
    assert spine.all(t.decision, "inputs") == [{"coat": 2, "form": 1}, {"coat": 3}]
    assert [arrival for arrival, _, _ in pictures(spine)] == [1], "only of the step that is judged"
    spine.close()


@pytest.mark.parametrize("batch_rows", [1, 7, 1000])
def test_any_split_into_pages_gives_the_same_store(batch_rows: int, store: Store, tmp_path: Path) -> None:
    spine = with_pictures(tmp_path, store)
    for n in range(40):
        add(spine, f"P{n:02}", after(n), None if n % 9 == 4 else png(texture("good", n, 20)))
    for minutes in (12, 13, 30, 60):
        pull(spine, minutes, batch_rows)
    judged = [n for n in range(40) if n % 9 != 4]
    assert pictures(spine) == [(n + 1, "photo", texture("good", n, 20).tolist()) for n in judged]
    said = [row[3] for row in decided(spine) if row[3] is not None]
    assert said == pytest.approx([failing(float(texture("good", n, 20).mean())) for n in judged])
    spine.close()


def test_a_commit_that_fails_leaves_neither_row_nor_picture(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spine = with_pictures(tmp_path, store)
    add(spine, "A", after(1), png(plain(40)))
    job = spine.pull("parts")

    def fails(*_: object) -> None:
        raise StoreError("the disk is full", None)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr("monitor.store.commit._write_decisions", fails)
        with pytest.raises(StoreError):
            spine.run(job, after(60))
    assert spine.all(t.picture) == spine.all(t.part_step) == []
    spine.run(job, after(61))
    assert len(spine.all(t.picture)) == len(spine.all(t.decision)) == 1
    spine.close()


def whole(store: Store) -> list[list[str]]:
    """What the store holds of parts, as text."""
    with store.read() as connection:
        columns = {
            t.part_step: ("arrival", "serial", "revision", "digest", "values"),
            t.picture: ("arrival", "name", "png"),
            t.decision: ("arrival", "serial", "verdict", "reason", "predicted", "inputs", "decided_at"),
        }
        queries = [sa.select(*(table.c[c] for c in names)) for table, names in columns.items()]
        return [sorted(map(repr, map(tuple, connection.execute(query)))) for query in queries]


def pulled(spine: Spine, url: str) -> None:
    """Pull with a store of its own, as another process does."""
    again = object.__new__(Spine)
    again.__dict__.update(vars(spine), store=Store(url))
    with again.store.write() as connection:
        connection.execute(t.lease.delete())
    pull(again, batch_rows=3)
    again.store.close()


@pytest.mark.process
@pytest.mark.parametrize("point", ["after_read:2", "after_inference:2", "before_commit:2", "after_commit:2"])
def test_killed_anywhere_it_ends_as_if_nothing_had_happened(point: str, new_store: Path, tmp_path: Path) -> None:
    found = []
    for name, environment in (("whole", None), ("killed", {"GATEWATCH_FAILPOINT": point})):
        (tmp_path / name).mkdir()
        url = f"sqlite:///{shutil.copy(new_store, tmp_path / name / 'store.db')}"
        store = Store(url)
        spine = with_pictures(tmp_path / name, store)
        for n in range(10):
            add(spine, f"P{n}", after(n), png(texture("good", n, 20)))
        if environment is not None:
            assert ended(forked(partial(pulled, spine, url), environment)) == -signal.SIGKILL
        pulled(spine, url)
        found.append(whole(store))
        spine.close()
        store.close()
    assert found[0] == found[1]
    assert [len(rows) for rows in found[0]] == [10, 10, 10]


def test_a_refused_picture_is_taken_in_when_the_plant_file_says_what_it_is(store: Store, tmp_path: Path) -> None:
    wrong = {**PICTURES, "d: D}": PICTURES["d: D}"].replace("format: file", "width: 16, height: 16")}
    spine = with_pictures(tmp_path, store, wrong)
    add(spine, "A", after(1), png(plain(40)))
    pull(spine)
    assert spine.all(t.quarantine, "reason") == ["bad_image"]
    assert spine.all(t.picture) == []
    (tmp_path / "mes.db").unlink()
    right = with_pictures(tmp_path, store)
    with store.write() as connection:
        assert ask_again(connection, ("parts",), after(70)) == 1
    pull(right, 71)
    assert pictures(right) == [(1, "photo", plain(40).tolist())]
    assert decided(right) == [("A", "continue", "in_spec", failing(40))]
    spine.close()
    right.close()


@dataclass(frozen=True)
class _Hangs(Brightness):
    """Does not answer for a batch with a white picture in it until it is let."""

    let: threading.Event = field(default_factory=threading.Event)

    def predict(self, rows: Sequence[Picture]) -> Sequence[Prediction]:
        if any(row.max() == 255 for row in rows):
            self.let.wait(HANGS)
        return Brightness.predict(self, rows)


def test_the_time_limit_is_one_for_some_pictures_and_not_for_the_page(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spine = with_pictures(tmp_path, store)
    hangs = _Hangs()
    spine.used = InForce(hangs, None, "w", "1", "mean")  # type: ignore[arg-type]
    for n in range(3 * BATCH_OF_PICTURES):
        add(spine, f"P{n:02}", after(n / 2), png(plain(255 if n == BATCH_OF_PICTURES else 40)))
    asked: list[timedelta] = []
    call, within = Deadline.call, iter([timedelta(seconds=HANGS), timedelta(milliseconds=50)])

    def patient(deadline: Deadline, work: Callable[[], Any], limit: timedelta) -> Any:
        asked.append(limit)
        return call(deadline, work, next(within, timedelta(seconds=HANGS)))

    monkeypatch.setattr(Deadline, "call", patient)
    pull(spine)
    hangs.let.set()
    assert asked == [timedelta(seconds=5)] * 3
    in_time = ["in_spec"] * BATCH_OF_PICTURES
    assert [row[2] for row in decided(spine)] == [*in_time, *["timeout"] * BATCH_OF_PICTURES, *in_time]
    spine.close()


def test_rows_that_were_hidden_are_found_with_their_pictures_some_at_a_time(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spine = with_pictures(tmp_path, store)
    for n in range(55):
        add(spine, f"P{n:02}", after(n), png(plain(n)))
    read: list[int] = []
    source = spine.sources["parts"]
    read_hour = source.read_hour

    def counted(*span: Any) -> Page:
        page = read_hour(*span)
        read.append(len(page.frame))
        return page

    monkeypatch.setattr(source, "read_hour", counted)
    monkeypatch.setattr("monitor.plant.plant.WITH_PICTURES", 10)
    job = ReconcileJob(
        spine.store, replace(reconcile_scope(spine.plant, "parts"), settle=timedelta(0)), source, [spine.pull("parts")],
        timedelta(hours=1), lambda pull: nullcontext(acquire(store, pull.name, HOLDER, 60.0)),
        SimulatedClock(after(10_000)),
    )  # fmt: skip
    assert spine.run(job, after(60)).rows == 55
    assert (sum(read), max(read)) == (55, 10)
    assert [kept[0][0] for _, _, kept in pictures(spine)] == list(range(55))
    assert len(decided(spine)) == 55
    spine.close()


def test_pictures_go_with_their_part_steps(store: Store, tmp_path: Path) -> None:
    spine = with_pictures(tmp_path, store)
    add(spine, "OLD", after(1), png(plain(40)))
    add(spine, "NEW", after(60 * 24 * 5), png(plain(50)))
    pull(spine, 60 * 24 * 5)
    keep = dict.fromkeys(Retention.model_fields)
    job = PruneJob(spine.store, Retention(**{**keep, "parts": 3 * DAY}), DAY)
    spine.run(job, after(60 * 24 * 5))
    assert spine.all(t.part_step, "serial") == ["NEW"]
    assert [arrival for arrival, _, _ in pictures(spine)] == [2]
    spine.close()


def test_stored_pictures_are_read_in_their_order_and_chosen_like_an_array(store: Store, tmp_path: Path) -> None:
    spine = with_pictures(tmp_path, store)
    for n in range(70):
        add(spine, f"P{n:02}", after(n / 2), png(plain(n)))
    pull(spine)
    with store.read() as connection:
        assert with_picture(connection, range(100), "photo") == set(range(1, 71))
        assert with_picture(connection, range(100), "other") == set()
        assert picture_of(connection, 71, "photo") is None
        found = StoredPictures(connection.engine, [70, *range(1, 70)], "photo")
    assert [int(picture[0, 0]) for picture in found] == [69, *range(69)]
    assert (len(found), int(found[1][0, 0])) == (70, 0)
    chosen = found[np.array([3, 0, 3])]
    assert [int(picture[0, 0]) for picture in chosen] == [2, 69, 2]
    assert [int(picture[0, 0]) for picture in found[np.arange(70) < 2]] == [69, 0]
    with store.write() as connection:
        connection.execute(t.picture.delete().where(t.picture.c.arrival == 70))
    with pytest.raises(StoreError, match="row 70 was deleted"):
        next(iter(found))
    spine.close()
