"""Load the NEU surface defect pictures as the tables of a strip inspection.

    python examples/neu/load.py DATA_DIR DATABASE_URL [--plant FILE]

A picture is a section of strip that passed the camera; the folder it is in is what an inspector found on it, which
can be read an hour later. The data has no times: the first section passed at 2024-01-01 00:01 UTC, each other one a
minute later; the classes take turns, each in the natural order of its files' names.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from itertools import chain, zip_longest
from pathlib import Path

import sqlalchemy as sa

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # run as a script, the folder of this file stands there instead
    sys.path.insert(0, str(ROOT))

from examples.loading import Loaded, Trouble, natural_order, run  # noqa: E402

CLASSES = ("crazing", "inclusion", "patches", "pitted_surface", "rolled-in_scale", "scratches")
DATA = "neu_det"
"""The folder of this data in a collection of data sets."""
START = datetime(2024, 1, 1, tzinfo=UTC)
EACH = timedelta(minutes=1)
LATE = timedelta(hours=1)
"""How long after the camera a finding can be read; the plant file declares the same."""

metadata = sa.MetaData()
sections = sa.Table(
    "CAMERA_SHOT", metadata,
    sa.Column("SECTION", sa.Text), sa.Column("STATION", sa.Text), sa.Column("FILE", sa.Text),
    sa.Column("PICTURE", sa.LargeBinary, comment="the bytes of a JPEG file"),
    sa.Column("SHOT_AT", sa.DateTime, comment="UTC"), sa.Index("IX_CAMERA_SHOT_SHOT_AT", "SHOT_AT"),
)  # fmt: skip
findings = sa.Table(
    "INSPECTION", metadata,
    sa.Column("SECTION", sa.Text), sa.Column("FOUND", sa.Text), sa.Column("SHOT_AT", sa.DateTime, comment="UTC"),
    sa.Index("IX_INSPECTION_SHOT_AT", "SHOT_AT"),
)  # fmt: skip


def load(folder: Path) -> Loaded:
    """Load the NEU surface defect pictures, a section of strip a picture."""
    folder = folder / DATA if (folder / DATA).is_dir() else folder
    taken, found = [], []
    for i, (name, path) in enumerate(in_turns({name: _pictures(folder, name) for name in CLASSES})):
        section = {"SECTION": f"S{i + 1:05d}", "SHOT_AT": (START + (i + 1) * EACH).replace(tzinfo=None)}
        taken.append({**section, "STATION": "CAM-1", "FILE": path.name, "PICTURE": _bytes(path)})
        found.append({**section, "FOUND": name})
    end = START + len(taken) * EACH + LATE + timedelta(minutes=10)
    return Loaded({sections: taken, findings: found}, START, end)


def in_turns(pictures: dict[str, list[Path]]) -> list[tuple[str, Path]]:
    """One picture of each class after the other, as long as a class has any."""
    named = [[(name, path) for path in paths] for name, paths in pictures.items()]
    return [one for one in chain.from_iterable(zip_longest(*named)) if one is not None]


def _pictures(folder: Path, name: str) -> list[Path]:
    found = sorted((folder / name).glob("*.jpg"), key=natural_order)
    if not found:
        raise Trouble(f"{folder / name} holds no .jpg file; expected a folder of pictures for each class")
    return found


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Trouble(f"{path}: cannot be read ({(error.strerror or 'no file').lower()})") from None


if __name__ == "__main__":
    sys.exit(run(Path(__file__).parent, load))
