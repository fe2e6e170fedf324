"""Pictures from files: formats by header, limits, modes, and folders in a stable order."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from inference.overlay import overlay_png
from inference.pictures import list_by_class, list_flat, read_by_class, read_picture
from monitor import pictures
from monitor.errors import UsageError
from monitor.pictures import decode, keep, restore

RAMP = np.linspace(0, 255, 24 * 16).round().astype(np.uint8).reshape(24, 16)
COLOUR = np.stack([RAMP, RAMP[::-1], 255 - RAMP], axis=2)


def write(path: Path, pixels: np.ndarray, form: str, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, form, **options)
    return path


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("pixels", [RAMP, COLOUR], ids=["grey", "colour"])
def test_a_format_is_known_by_its_header_whatever_the_name(tmp_path: Path, form: str, pixels: np.ndarray) -> None:
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}.get(form, {})
    found = read_picture(write(tmp_path / "part.dat", pixels, form, **options))
    if form == "WEBP" and pixels.ndim == 2:  # the format knows no grey
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    assert (found.shape, found.dtype) == (pixels.shape, np.uint8)
    assert np.abs(found.astype(int) - pixels).max() <= (8 if form == "JPEG" else 0)
    assert [one.path.name for one in list_flat(tmp_path)] == ["part.dat"]


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path: Path) -> None:
    deep = np.linspace(0, 65535, 24 * 16).round().astype(np.uint16).reshape(24, 16)
    for form in ("PNG", "TIFF"):
        found = read_picture(write(tmp_path / form, deep, form))
        assert np.abs(found.astype(int) - deep / 257).max() <= 0.5, form


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK"])
def test_other_modes_become_grey_or_colour(tmp_path: Path, mode: str) -> None:
    form = "TIFF" if mode == "CMYK" else "PNG"
    Image.fromarray(RAMP).convert("RGB").convert(mode).save(tmp_path / "a", form)
    found = read_picture(tmp_path / "a")
    assert found.shape[:2] == RAMP.shape
    assert found.ndim == (2 if mode in ("1", "LA") else 3)


def test_orientation_of_the_camera_is_undone(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    found = read_picture(write(tmp_path / "a.png", RAMP, "PNG", exif=exif))
    assert np.array_equal(found, np.rot90(RAMP, -1))


def test_a_large_picture_is_shrunk_by_a_whole_number(tmp_path: Path) -> None:
    large = np.kron(RAMP, np.ones((100, 100), np.uint8))
    found = read_picture(write(tmp_path / "a.png", large, "PNG"))
    assert found.shape == (800, 534)


def _png_of(width: int, height: int) -> bytes:
    """A PNG that says it is huge and holds nothing."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    body = [struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (_png_of(60_000, 60_000), "pixels"),
        (_png_of(8_000, 8_000), "at most 50 million are read; make it smaller"),
        (b"", "is not a picture that can be read; expected PNG, JPEG, BMP, TIFF or WebP"),
        (b"GIF89a" + bytes(40), "is not a picture"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "picture"),
        (b"serial,value\n1,2\n", "is not a picture"),
    ],
    ids=["a bomb", "too many pixels", "empty", "another format", "only a header", "text"],
)
def test_what_is_unfit_is_refused_in_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_picture(file)
    assert said in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "TIFF", "WEBP"])
def test_a_file_cut_anywhere_is_refused_or_whole(tmp_path: Path, form: str) -> None:
    out = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    Image.fromarray(noise).save(out, form)
    content = out.getvalue()
    for length in range(0, len(content) - 20, max(1, len(content) // 40)):
        (tmp_path / "a").write_bytes(content[:length])
        with pytest.raises(UsageError):
            read_picture(tmp_path / "a")


def test_limits_of_the_file_and_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "a.png", RAMP, "PNG")
    with pytest.raises(UsageError, match="is not a file"):
        read_picture(tmp_path)
    with pytest.raises(UsageError, match="is not a file"):
        read_picture(tmp_path / "none.png")
    monkeypatch.setattr(pictures, "MOST_BYTES", 10)
    with pytest.raises(UsageError, match="at most 0 are read"):
        read_picture(file)


def test_thirty_two_bits_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "a.tif", RAMP.astype(np.float32), "TIFF")
    with pytest.raises(UsageError, match="32 bits a pixel; expected 8 or 16"):
        read_picture(file)


def test_a_folder_is_listed_by_class_in_natural_order(tmp_path: Path) -> None:
    for name in ("b/x10.png", "b/x9.png", "b/deeper/x1.png", "a/1.PNG", "a/.hidden.png", ".old/1.png"):
        write(tmp_path / name, RAMP, "PNG")
    (tmp_path / "README.md").write_text("pictures")
    (tmp_path / "a" / "notes.txt").write_text("none")
    found = [(one.path.relative_to(tmp_path).as_posix(), one.label) for one in list_by_class(tmp_path)]
    assert found == [("a/1.PNG", "a"), ("b/x9.png", "b"), ("b/x10.png", "b"), ("b/deeper/x1.png", "b")]
    assert [one.path.name for one in list_flat(tmp_path / "b")] == ["x9.png", "x10.png", "x1.png"]
    assert [one.path.name for one in list_flat(tmp_path / "a" / "1.PNG")] == ["1.PNG"]


def test_a_folder_is_read_to_train_on(tmp_path: Path) -> None:
    for i, name in enumerate(("b/2.png", "b/10.png", "a/x.png")):
        write(tmp_path / name, RAMP + np.uint8(i), "PNG")
    data, classes = read_by_class(tmp_path)
    assert (classes, data.target.tolist()) == (("a", "b"), [0.0, 1.0, 1.0])
    assert list(data.serials) == ["a/x.png", "b/2.png", "b/10.png"]
    assert [int(picture[0, 0]) for picture in data.rows] == [2, 0, 1]


def test_a_folder_without_classes_or_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no subfolder; expected one a class"):
        list_by_class(tmp_path)
    with pytest.raises(UsageError, match="has no picture"):
        list_flat(tmp_path)
    (tmp_path / "empty").mkdir()
    write(tmp_path / "full" / "a.png", RAMP, "PNG")
    with pytest.raises(UsageError, match="subfolder 'empty' of"):
        list_by_class(tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        list_by_class(tmp_path / "none")


def test_a_map_is_laid_over_its_picture_and_leaves_what_is_good() -> None:
    heat = np.zeros(RAMP.shape, np.uint8)
    heat[:8] = 255
    for picture in (RAMP, COLOUR):
        found = np.asarray(Image.open(io.BytesIO(overlay_png(picture, heat))))
        colours = picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)
        assert np.array_equal(found[8:], colours[8:])
        assert (found[:8, :, 0] > found[:8, :, 2]).all()
    with pytest.raises(ValueError, match="expected a map of shape"):
        overlay_png(RAMP, heat[:3])


def test_damaged_metadata_are_said_in_a_sentence() -> None:
    """A width that is text, beside an orientation: Pillow packs it again and fails with an error of its own."""
    orientation, width = (0x0112, 3, b"\0\6\0\0"), (0x0100, 2, b"abc\0")
    entries = b"".join(struct.pack(">HHI", tag, kind, 1) + value for tag, kind, value in (orientation, width))
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", 2) + entries + bytes(4)
    with pytest.raises(UsageError, match="picture a is damaged"):
        decode(encoded(RAMP, "JPEG", exif=exif), "a")


def encoded(pixels: np.ndarray, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, form, **options)
    return out.getvalue()


WHOLE = [encoded(pixels, form) for form in pictures.FORMATS for pixels in (RAMP, COLOUR)]


@given(
    st.sampled_from(WHOLE),
    st.lists(st.tuples(st.integers(0, 600), st.binary(max_size=3), st.integers(0, 4)), min_size=1, max_size=5),
)
@settings(max_examples=300, deadline=None)
@pytest.mark.slow
def test_whatever_is_damaged_gives_pixels_or_a_sentence(whole: bytes, changes: list[tuple[int, bytes, int]]) -> None:
    content = whole
    for place, piece, cut in changes:
        place %= len(content) + 1
        content = content[:place] + piece + content[place + cut :]
    with suppress(UsageError):
        assert decode(content, "a").dtype == np.uint8


@given(
    arrays(
        np.uint8,
        st.tuples(st.integers(1, 9), st.integers(1, 9)) | st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)),
    )
)
@pytest.mark.slow
def test_a_kept_picture_comes_back_pixel_for_pixel(picture: np.ndarray) -> None:
    np.testing.assert_array_equal(restore(keep(picture)), picture)
