"""Files that must outlast a power cut, files that only their owner may read, and files that a person names."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from monitor.errors import UsageError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private() -> None:
    """Let only the owner read what this process and its children create from now on."""
    os.umask(os.umask(_OTHERS) | _OTHERS)


def create_private(file: Path) -> None:
    """Create an empty file that only its owner can read, unless it exists; a missing folder is left to the caller."""
    with suppress(OSError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, stat.S_IRUSR | stat.S_IWUSR))


def open_private(path: str, flags: int) -> int:
    """An opener for `open`: a new file can be read by its owner only."""
    return os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR)


def tighten(roots: Iterable[Path]) -> list[Path]:
    """Take from others what they may do with files and folders, and all in them; those changed.

    Links in them and what belongs to another user are left alone.
    """
    return [path for root in roots for path in _below(root.resolve()) if _tightened(path)]


def _below(root: Path) -> Iterator[Path]:
    if root.exists():
        yield root
    if root.is_dir():
        yield from (path for path in root.rglob("*") if not path.is_symlink())


def _tightened(path: Path) -> bool:
    try:
        mode = stat.S_IMODE(path.stat(follow_symlinks=False).st_mode)
        if not mode & _OTHERS:
            return False
        path.chmod(mode & ~_OTHERS)
    except OSError:
        return False
    return True


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable: files that were created, renamed or deleted in it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_text(file: Path, most: int) -> str:
    """The UTF-8 text of a file that a person names, without a byte order mark.

    OSError if it cannot be read; ValueError if it is no such text, or larger than `most` bytes.
    """
    with file.open("rb") as opened:
        content = opened.read(most + 1)
    if len(content) > most:
        raise ValueError(f"larger than {most} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None


def check_place(option: str, file: Path) -> None:
    """UsageError where a file that a person names is a folder, or where its folder does not exist."""
    if file.is_dir() or not file.absolute().parent.is_dir():
        raise UsageError(f"{option} {file}: expected a file in a folder that exists")
