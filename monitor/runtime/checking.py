"""`gatewatch check` beyond the plant file: problems of the databases that it names."""

from __future__ import annotations

from typing import Any

from monitor.errors import MonitorError


def problems(loaded: Any) -> list[str]:
    """Every problem of sources, store, write-back target and notifications, a sentence each. Creates nothing."""
    from exporters.delivery.mes import MesTarget
    from monitor.delivery.notifications import problems as notify_problems
    from monitor.sources.transports import open_source
    from monitor.store.database.database import Store
    from monitor.store.database.schema import usable

    plant = loaded.plant
    problems: list[str] = []
    for name, config in plant.sources.items():
        try:
            source = open_source(name, config, plant)
            try:
                source.verify()
            finally:
                source.close()
        except MonitorError as exc:
            problems.append(str(exc))
    store = Store(plant.store.url)
    try:
        file = store.file()
        if file is None or file.exists():
            usable(store)
        elif not file.parent.is_dir():
            problems.append(f"store.url: the folder {file.parent} does not exist; create it")
    except MonitorError as exc:
        problems.append(str(exc))
    finally:
        store.close()
    if plant.write_back is not None:
        problems += MesTarget(plant.write_back).check()
    return problems + notify_problems(plant)
