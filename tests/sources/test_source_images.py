"""Columns that hold an image: raw pixels or files, their statistics, and the pictures that a gate judges."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import closing
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image
from source_databases import Database
from sources_plant import FAR, everything, make_plant

from monitor.errors import PlantFileError
from monitor.model import RejectReason
from monitor.pictures import MOST_SIDE, Picture, keep, restore
from monitor.plant.file.contradictions import cross_check
from monitor.plant.plant import Plant
from monitor.plant.sources import ImageFormat
from monitor.sources.transports import open_source
from monitor.sources.typed.images import images
from monitor.sources.typed.plan import make_plan
from monitor.sources.typed.rows import type_rows

FILE = ImageFormat(format="file")
RAMP = np.linspace(0, 255, 24 * 16).round().astype(np.uint8).reshape(24, 16)
COLOUR = np.stack([RAMP, RAMP[::-1], 255 - RAMP], axis=2)
TIMES = [f"2026-01-0{day}T00:00:00+00:00" for day in range(1, 10)]


def encoded(pixels: np.ndarray, form: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, form, **options)
    return out.getvalue()


def header_of(width: int, height: int) -> bytes:
    """A PNG that says it is so large and holds nothing."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


def kept_of(cell: bytes, form: ImageFormat = FILE) -> Picture:
    _, faults, kept = images([cell], form, [0])
    assert not faults
    return restore(keep(kept[0]))


def animation() -> bytes:
    out = io.BytesIO()
    frames = [Image.fromarray(pixels) for pixels in (RAMP, 255 - RAMP)]
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:], duration=100)
    return out.getvalue()


GREY = {
    "a PNG": encoded(RAMP),
    "a BMP": encoded(RAMP, "BMP"),
    "a TIFF": encoded(RAMP, "TIFF"),
    "the first picture of an animation": animation(),
    "16 bits a pixel, by their full range": encoded(RAMP.astype(np.uint16) * 257),
    "a view of bytes": memoryview(encoded(RAMP)),
}


@pytest.mark.parametrize("cell", GREY.values(), ids=GREY)
def test_a_file_gives_the_statistics_of_its_pixels_and_the_pixels_themselves(cell: bytes) -> None:
    found, faults, kept = images([cell], FILE, [0])
    raw, _, _ = images([RAMP.tobytes()], ImageFormat(width=16, height=24))
    assert not faults
    np.testing.assert_array_equal(found, raw)
    np.testing.assert_array_equal(kept[0], RAMP)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_of_colour_the_luminance_counts_and_the_picture_keeps_its_colours(form: str) -> None:
    found, _, _ = images([encoded(COLOUR, form, lossless=True)], FILE)
    grey = COLOUR @ [0.299, 0.587, 0.114]
    assert found[0, :2] == pytest.approx([grey.mean(), grey.std()], abs=0.5)
    np.testing.assert_array_equal(kept_of(encoded(COLOUR, form, lossless=True)), COLOUR)


NONE = {
    "no file": b"not a picture",
    "an empty cell of bytes": b"",
    "text": "iVBORw0KGgo",
    "a number": 3.0,
    "a file that is cut off": encoded(np.tile(RAMP, (8, 8)))[:200],
    "a header of more pixels than are read": header_of(60_000, 60_000),
    "a header that promises what does not come": header_of(50, 50),
    "32 bits a pixel": encoded(RAMP.astype(np.int32), "TIFF"),
    "a single row": encoded(RAMP[:1]),
    "a format that is not read": encoded(RAMP, "GIF"),
}


@pytest.mark.parametrize("cell", NONE.values(), ids=NONE)
def test_what_is_no_picture_is_refused_and_costs_no_other(cell: object) -> None:
    found, faults, kept = images([encoded(RAMP), cell, None], FILE, [0, 1, 2])
    assert faults == {1: RejectReason.BAD_IMAGE}
    assert np.isfinite(found).all(axis=1).tolist() == [True, False, False]
    assert list(kept) == [0]


def test_a_large_picture_is_kept_smaller_by_a_whole_number() -> None:
    large = np.zeros((2 * MOST_SIDE + 2, 30), dtype=np.uint8)
    large[:, 15:] = 200
    assert kept_of(encoded(large)).shape == (-(-large.shape[0] // 3), 10)
    raw = ImageFormat(width=30, height=large.shape[0])
    np.testing.assert_array_equal(kept_of(large.tobytes(), raw), kept_of(encoded(large)))


def plant(image: str = "photo", step: str = "coating", **gate: object) -> Plant:
    made = make_plant(
        kind="part_steps", serial="sn", step="op", visit="n",
        values={"photo": {"column": "img", "image": {"format": "file"}}, "load": "load"},
    )  # fmt: skip
    checked = {"step": step, "characteristic": "twist", "model": "m", "kind": "image", "image": image, **gate}
    return Plant.model_validate(
        {
            **made.model_dump(exclude_unset=True),
            "gates": {"look": checked},
            "characteristics": {"twist": {"pass_fail": "scrap"}},
        }
    )


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("photo", None),
        ("forging.photo", None),
        ("load", "the value 'load' holds a number; expected one of part_steps with image"),
        ("foto", "unknown value of part_steps 'foto'; allowed: load, photo (did you mean 'photo'?)"),
        ("froging.photo", "unknown step 'froging'; allowed: forging, coating (did you mean 'forging'?)"),
    ],
)
def test_the_picture_of_a_gate_exists(image: str, said: str | None) -> None:
    found = [pair for pair in cross_check(plant(image)) if pair[0][0] == "gates"]
    assert found == ([] if said is None else [(("gates", "look", "image"), said)])


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ({"image": None}, "a gate of kind image judges a picture: expected image"),
        ({"profile": ["a", "b", "c", "d"]}, "judges a picture alone"),
        ({"covariates": ["load"]}, "judges a picture alone"),
        ({"max_missing": 0.2}, "judges a picture alone"),
    ],
)
def test_a_gate_of_pictures_takes_nothing_else(gate: dict[str, object], said: str) -> None:
    with pytest.raises((ValueError, PlantFileError), match=said):
        plant(**gate)  # type: ignore[arg-type]


def rows(*cells: tuple[str, str, object]) -> list[tuple[object, ...]]:
    """Rows of (step, serial, image), each at its own time."""
    return [(TIMES[i], serial, step, 1, image, 1.0) for i, (step, serial, image) in enumerate(cells)]


def test_pictures_are_kept_of_the_step_that_a_gate_judges_only(monkeypatch: pytest.MonkeyPatch) -> None:
    made = plant("forging.photo")
    plan = make_plan(made.sources["it"], made)
    assert plan.columns == ("ts", "sn", "op", "n", "img", "load")
    good = encoded(RAMP)
    found = type_rows(
        rows(("forging", "A", b"bad"), ("coating", "B", good), ("forging", "C", good), ("forging", "D", None)),
        plan, FAR, made.clock_skew,
    )  # fmt: skip
    assert found.frame["serial"].tolist() == ["B", "C", "D"]
    assert [reject.reason for reject in found.rejects] == [RejectReason.BAD_IMAGE]
    assert found.rejects[0].column == "img"
    assert {row: list(kept) for row, kept in found.pictures.items()} == {1: ["photo"]}
    np.testing.assert_array_equal(found.pictures[1]["photo"], RAMP)
    page = found.page(plan, None, False, 4).at([1, 2])
    assert list(page.pictures) == [0]


def test_two_pictures_of_a_row_with_equal_statistics_contradict_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    made = plant("forging.photo")
    plan = make_plan(made.sources["it"], made)
    both = [
        (TIMES[0], "A", "forging", 1, encoded(pixels), 1.0) for pixels in (RAMP, np.ascontiguousarray(RAMP[:, ::-1]))
    ]
    found = type_rows(both, plan, FAR, made.clock_skew)
    assert [reject.reason for reject in found.rejects] == [RejectReason.CONTRADICTION] * 2


def test_a_source_reads_files_from_a_database(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = "BYTEA" if database.engine.dialect.name == "postgresql" else "BLOB"
    cells = [encoded(RAMP), b"bad", None, encoded(COLOUR)]
    table = sa.table("t", *map(sa.column, ("ts", "sn", "op", "n", "img", "load")))
    with database.engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE t (ts TEXT, sn TEXT, op TEXT, n INTEGER, img {blob}, load FLOAT)")
        for i, cell in enumerate(cells):
            connection.execute(table.insert().values((TIMES[i], f"P{i}", "forging", 1, cell, 1.0)))
    made = plant("forging.photo")
    with closing(open_source("it", made.sources["it"].model_copy(update={"url": database.url}), made)) as source:
        found = everything(source, limit=2)
    assert [s for page in found for s in page.frame["serial"].tolist()] == ["P0", "P2", "P3"]
    assert [r.reason for page in found for r in page.rejects] == [RejectReason.BAD_IMAGE]
    kept = [one["photo"] for page in found for one in page.pictures.values()]
    assert [picture.tolist() for picture in kept] == [RAMP.tolist(), COLOUR.tolist()]
