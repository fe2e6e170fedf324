"""Everything with side effects: sources, store, pipeline, jobs, server, command line.

The root holds only `cli.py` and what every room may import; statistics and models are in `detectors` and `inference`.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("gatewatch")
except PackageNotFoundError:
    __version__ = "0"
