"""Whether the packages are installed that the lake needs, without loading them."""

from __future__ import annotations

from importlib.util import find_spec

from monitor.errors import UsageError
from monitor.plant.plant import Plant

_NEEDED = ("deltalake", "pyarrow")


def require_packages(plant: Plant) -> None:
    """UsageError that says what to install, if a plant with a lake lacks something."""
    missing = [] if plant.lake is None else [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"lake: the plant file has this section, but {' and '.join(missing)} cannot be imported; "
            "run pip install 'gatewatch[lake]', or remove the section"
        )
