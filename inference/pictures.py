"""Pictures from files: which there are, in a stable order, and their pixels, with limits on what is read.

The format is known by the first bytes of a file, never by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from inference.models.kind import TrainingData
from monitor.errors import UsageError
from monitor.model import Floats
from monitor.pictures import NAMES, Picture, check_bytes, decode

_WRITTEN = "pictures"
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"II*\x00", b"MM\x00*")
_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"))


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
        raise UsageError(f"subfolder {empty[0]!r} of {folder} has no picture ({NAMES}); add some or remove it")
    return found


def list_flat(place: Path) -> list[PictureFile]:
    """The picture at a path, or all of a folder and its subfolders, in the natural order of the names."""
    if place.is_file():
        return [PictureFile(place)]
    found = [PictureFile(file) for file in _pictures(place)]
    if not found:
        raise UsageError(f"folder {place} has no picture ({NAMES})")
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

    The limits are those of `monitor.pictures.decode`.
    """
    return decode(_content(path), str(path))


class PictureFiles(Sequence[Picture]):
    """The pictures of files, each read when it is asked for."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, place: int) -> Picture: ...

    @overload
    def __getitem__(self, place: slice) -> PictureFiles: ...

    def __getitem__(self, place: int | slice) -> Picture | PictureFiles:
        return PictureFiles(self._files[place]) if isinstance(place, slice) else read_picture(self._files[place])


def write_pictures(folder: Path, contents: Iterable[bytes]) -> Floats:
    """Write files' contents for `written_pictures`; returns rows without a number, as many as there are pictures."""
    (folder / _WRITTEN).mkdir()
    count = 0
    for content in contents:
        (folder / _WRITTEN / f"{count:07}.png").write_bytes(content)
        count += 1
    return np.empty((count, 0))


def written_pictures(folder: Path) -> PictureFiles | None:
    """The pictures that were written into a folder, in their order; None if there are none."""
    return PictureFiles(sorted((folder / _WRITTEN).iterdir())) if (folder / _WRITTEN).is_dir() else None


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise UsageError(f"{path} is not a file; expected a picture ({NAMES})")
        check_bytes(path.stat().st_size, str(path))
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
