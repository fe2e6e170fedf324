"""Writing pictures into a folder that a command was given."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.errors import UsageError


def write_png(folder: Path, name: str, png: bytes) -> Path:
    """Write a PNG under its name, replacing one of before; UsageError where that cannot be."""
    path = folder / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png)
    except OSError as exc:
        raise UsageError(f"{path} cannot be written: {exc.strerror}; name another folder") from exc
    return path


def tell_written(path: Path) -> None:
    """Say it beside the command's own output."""
    click.echo(f"{path}: written", err=True)
