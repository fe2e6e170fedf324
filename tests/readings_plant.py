"""The smallest plant with a source of readings: machines at one step with a sensor, in columns of other names."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.plant.plant import Plant


def readings_plant(url: str, table: str, machines: Sequence[str] = ("m1", "m2"), **keys: object) -> Plant:
    """A plant whose source `it` has columns happened, unit and force; `keys` are further ones of the source."""
    return Plant.model_validate(
        {
            "version": 1, "site": "here", "steps": {"forging": {"line": "l"}},
            "machines": {name: {"step": "forging", "sensors": {"force": {}}} for name in machines},
            "sources": {
                "it": {
                    "kind": "readings", "url": url, "table": table, "at": "happened", "machine": "unit",
                    "values": {"force": "force"}, **keys,
                }
            },
        }
    )  # fmt: skip
