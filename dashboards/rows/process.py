"""The process of Gatewatch: what it uses of the machine it runs on, and the store."""

from __future__ import annotations

from dashboards.blocks.panels import Panel, lines
from dashboards.blocks.queries import Query, by, of_process, series


def panels() -> list[Panel]:
    """Memory, processor, files, scrapes."""
    return [
        lines(
            "Memory",
            "Resident memory of the process. If it grows for days without more machines or gates, restart it and "
            "report it: its use does not depend on the length of history.",
            [Query(by("max", ("instance",), of_process("process_resident_memory_bytes")), "{{instance}}")],
            unit="bytes", width=8,
        ),
        lines(
            "Processor",
            "Cores that the process uses. Near 1 for long, jobs come late: lengthen their intervals, or give each "
            "source a process of its own.",
            [
                Query(
                    by("max", ("instance",), f"rate({of_process('process_cpu_seconds_total')}[15m])"), "{{instance}}"
                )
            ],
            width=8,
        ),
        lines(
            "Store size",
            "Size of all data that Gatewatch keeps. If it grows without end, run 'gatewatch store prune' or shorten "
            "store.retention.",
            [Query(by("max", ("instance",), series("gatewatch_store_size_bytes")), "{{instance}}")],
            unit="bytes", width=8,
        ),
    ]  # fmt: skip
