"""A process that judges the files of a lake as a stream on plain Spark: FOLDER, with the plant file and `raw` in it."""

from __future__ import annotations

import sys
from pathlib import Path

from plant_kit import START

from monitor.engine import spark, streaming
from monitor.engine.pieces.backfill import Backfill, Part
from monitor.engine.pieces.timing import Span
from monitor.plant.file.load import load


def main(folder: Path) -> None:
    loaded = load(folder / "plant.yaml", ())
    work = Backfill.of(loaded.plant, loaded.digest, Span(START), frozenset({Part.MACHINES}))
    with spark.session("local[2]", 4) as session:
        places = (str(folder / name) for name in ("raw", "found", "checkpoint"))
        streaming.start(session, work, *places, 1).awaitTermination()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
