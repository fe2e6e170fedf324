"""Everything with an effect, around the pure parts: sources, store, pipeline, jobs, server, command line.

At the root stands only what every room may import, and `cli.py`; statistics and model code stand in `detectors` and
`inference`.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("gatewatch")
except PackageNotFoundError:
    __version__ = "0"
