"""Sources, store, pipeline, jobs, server and command line: everything with an effect, around the pure parts."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("gatewatch")
except PackageNotFoundError:
    __version__ = "0"
