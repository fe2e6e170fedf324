"""Pictures from files: which there are, in a stable order, and their pixels, with limits on what is read.

The format is known by the first bytes of a file, never by its name.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from inference.models.kind import Picture, TrainingData
from monitor.errors import UsageError

MOST_BYTES = 64 * 2**20
MOST_PIXELS = 50_000_000
MOST_SIDE = 1024
"""A picture with a longer side is shrunk by a whole number: the models look at it smaller still."""
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
_NAMES = "PNG, JPEG, BMP, TIFF or WebP"
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"II*\x00", b"MM\x00*")
_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"))
_DEEP = ("I;16", "I;16B", "I;16L", "I;16N")


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A file and the class that its folder names; empty where the folder has none."""

    path: Path
    label: str = ""


def list_by_class(folder: Path) -> list[PictureFile]:
    """The pictures of a folder with one subfolder a class, class by class, in the natural order of the names.

    Files beside the subfolders, hidden ones, and files that are no pictures by name and content are left out.
    UsageError where there is no class or a class has no picture.
    """
    classes = sorted((path for path in _entries(folder) if path.is_dir()), key=_natural)
    if not classes:
        raise UsageError(
            f"folder {folder} has no subfolder; expected one a class, with the pictures of that class in it"
        )
    found = [PictureFile(file, path.name) for path in classes for file in _pictures(path)]
    empty = [path.name for path in classes if path.name not in {one.label for one in found}]
    if empty:
        raise UsageError(f"subfolder {empty[0]!r} of {folder} has no picture ({_NAMES}); add some or remove it")
    return found


def list_flat(place: Path) -> list[PictureFile]:
    """The picture at a path, or all of a folder and its subfolders, in the natural order of the names."""
    if place.is_file():
        return [PictureFile(place)]
    found = [PictureFile(file) for file in _pictures(place)]
    if not found:
        raise UsageError(f"folder {place} has no picture ({_NAMES})")
    return found


def read_by_class(folder: Path) -> tuple[TrainingData, tuple[str, ...]]:
    """The pictures of a folder with one subfolder a class, to train on, and the names of the classes.

    The serial of a part is its path below the folder. All pictures are in memory.
    """
    files = list_by_class(folder)
    classes = tuple(dict.fromkeys(file.label for file in files))
    target = np.array([float(classes.index(file.label)) for file in files])
    serials = [file.path.relative_to(folder).as_posix() for file in files]
    return TrainingData([read_picture(file.path) for file in files], target, serials), classes


def read_picture(path: Path) -> Picture:
    """The pixels of a file, upright: grey (height, width) or colour (height, width, 3). UsageError where it is unfit.

    16-bit grey is scaled from its full range to 8 bits; an alpha channel is dropped; of pages the first is read.
    """
    content = _content(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged metadata; and the limit below is our own
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                _check_size(path, *image.size)
                return _pixels(path, image)
    except UnidentifiedImageError as exc:
        raise UsageError(f"file {path} is not a picture that can be read; expected {_NAMES}") from exc
    except Image.DecompressionBombError as exc:
        raise UsageError(
            f"picture {path} has more than {MOST_PIXELS // 10**6} million pixels; make it smaller"
        ) from exc
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, KeyError, OverflowError) as exc:
        # what Pillow raises for damaged files
        raise UsageError(f"picture {path} is damaged or cut off: {_first_line(exc)}; copy it again") from exc


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise UsageError(
            f"picture {path} has {width} x {height} pixels, at most {MOST_PIXELS // 10**6} million are read; "
            "make it smaller"
        )


def _pixels(path: Path, image: Image.Image) -> Picture:
    if image.mode in _DEEP or (image.mode == "I" and image.format == "PNG"):
        # before anything else, since Pillow cuts such values off instead of scaling them
        deep = np.asarray(image).astype(np.int64).clip(0, 65535)
        upright = ImageOps.exif_transpose(Image.fromarray((deep / 257).round().astype(np.uint8)))
    elif image.mode in ("I", "F"):
        raise UsageError(f"picture {path} has 32 bits a pixel; expected 8 or 16 bits: save it so")
    else:
        grey = image.mode in ("1", "L", "LA", "La")
        upright = ImageOps.exif_transpose(image).convert("L" if grey else "RGB")
    factor = -(-max(upright.size) // MOST_SIDE)
    return np.array(upright.reduce(factor) if factor > 1 else upright)


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise UsageError(f"{path} is not a file; expected a picture ({_NAMES})")
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise UsageError(
                f"file {path} has {size / 2**20:.0f} MiB, at most {MOST_BYTES >> 20} are read; make the picture smaller"
            )
        return path.read_bytes()
    except OSError as exc:
        raise UsageError(f"file {path} cannot be read: {exc.strerror}") from exc


def _entries(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as exc:
        raise UsageError(f"folder {folder} cannot be read: {exc.strerror}") from exc


def _pictures(folder: Path) -> Iterator[Path]:
    """Those in a folder and below, its own first."""
    entries = sorted(_entries(folder), key=_natural)
    yield from (path for path in entries if path.is_file() and _looks_like_one(path))
    for path in entries:
        if path.is_dir() and not path.is_symlink():  # a link may lead in a circle
            yield from _pictures(path)


def _looks_like_one(path: Path) -> bool:
    """By its first bytes; what is named like a picture counts too, so that a damaged one is not left out in silence."""
    if path.suffix.lower() in _SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:] == b"WEBP")


def _natural(path: Path) -> tuple[list[tuple[int, int | str]], str]:
    """The key for an order in which 9 comes before 10."""
    pieces = re.split(r"([0-9]+)", path.name)
    return [(0, int(piece)) if piece.isdecimal() else (1, piece.casefold()) for piece in pieces], path.name


def _first_line(exc: Exception) -> str:
    return (str(exc) or type(exc).__name__).splitlines()[0]
