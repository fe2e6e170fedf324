"""What every pipeline is: a page of a source in, everything its commit will write out."""

from __future__ import annotations

from typing import Protocol

from monitor.model import Page
from monitor.store.commit import BatchWrite


class Pipeline(Protocol):
    """Turns a page into everything its commit will write. One that keeps nothing in memory only processes."""

    def process(self, page: Page, write: BatchWrite) -> None:
        """Fill `write`; what is kept in memory is undone by `forget`."""

    def forget(self) -> None:
        """Drop what is in memory."""
        return

    def snapshot(self, write: BatchWrite) -> None:
        """Add what should be saved at a clean end."""
        return
